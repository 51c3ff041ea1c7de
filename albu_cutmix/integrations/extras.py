"""What is said where a library that an integration is for is not installed."""

from __future__ import annotations

from albu_cutmix.errors import MissingExtraError

__all__ = ["missing"]


def missing(module: str, library: str, package: str) -> MissingExtraError:
    """Return the error for an integration whose library is absent.

    Args:
        module: Name of the integration.
        library: What it needs, in words.
        package: What pip installs.
    """
    return MissingExtraError(
        f"albu_cutmix.integrations.{module} needs {library}, which is not installed. Install it "
        f'with: pip install "{package}"'
    )
