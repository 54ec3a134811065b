"""PURE: turn runs into a verdict, with its reasons and the values observed."""

from daemon.rules.controls import judge_control, judge_proof
from daemon.rules.judging import judge, lookback

__all__ = ["judge", "judge_control", "judge_proof", "lookback"]
