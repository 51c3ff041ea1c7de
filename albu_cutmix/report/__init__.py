"""The audit of a mix over a data set, and the page that shows it."""

from albu_cutmix.files import check_writable
from albu_cutmix.report.audit import AuditReport, audit
from albu_cutmix.report.figures import summarise
from albu_cutmix.report.show import show

__all__ = ["AuditReport", "audit", "check_writable", "show", "summarise"]
