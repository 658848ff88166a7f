"""Option types of the training commands."""

import math
from typing import Any

import click


class NumberRange(click.FloatRange):
    """A range of floats in which there is no NaN, which is neither below nor above anything."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read a number, or say why it is none."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number
