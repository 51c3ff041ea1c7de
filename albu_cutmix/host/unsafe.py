"""What becomes of a mix that is over its limits."""

from __future__ import annotations

from collections.abc import Callable

from albu_cutmix.errors import UnsafeMixError
from albu_cutmix.limits import SafetyFlag
from albu_cutmix.plan import MixPlan

__all__ = ["draw_safe"]

MOST_DRAWS = 10  # of one call that looks for a safe mix


def draw_safe(
    draw: Callable[[], MixPlan], flags_of: Callable[[MixPlan], int], on_unsafe: str
) -> MixPlan:
    """Draw the plan of one call, and do with an unsafe one what was asked for.

    Args:
        draw: Draws donors and patches.
        flags_of: Gives the `SafetyFlag` bits of a plan that pastes patches.
        on_unsafe: See `CutMix`.

    Returns:
        A plan; with reason "unsafe" where nothing is mixed.

    Raises:
        UnsafeMixError: If on_unsafe is "raise" and the mix is unsafe.
    """
    flags = 0
    for _ in range(MOST_DRAWS if on_unsafe == "resample" else 1):
        plan = draw()
        if on_unsafe == "flag" or not plan.pastes:
            return plan
        flags = flags_of(plan)
        if not flags:
            return plan
        if on_unsafe == "raise":
            names = " | ".join(flag.name or "" for flag in SafetyFlag if flag & flags)
            where = " and ".join(
                (f"{one.where} in patch " if one.number >= 0 else "a hole in ")
                + f"{tuple(one.patch)}"
                for one in plan.pastes
            )
            raise UnsafeMixError(
                f"a mix must keep its limits, got {names} with {where}. Loosen "
                "limits=SafetyLimits(...), try placement='avoid' or on_unsafe='resample', or only "
                "flag it: on_unsafe='flag'."
            )
    return MixPlan(plan.shape, reason="unsafe", flags=flags)
