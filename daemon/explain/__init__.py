"""PURE: why a guard is what it is, in values and in words."""

from daemon.explain.explaining import explain
from daemon.explain.model import Explanation

__all__ = ["Explanation", "explain"]
