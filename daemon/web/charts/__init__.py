"""Pictures of numbers: SVG inside the page, without a script or a style of their own.

Their colours are the page's (`static/probe.css`), so that they read in the dark too. Each says in
words what it shows, and carries its numbers as a table.
"""

from daemon.web.charts.bars import step_bars
from daemon.web.charts.chart import Chart, Table
from daemon.web.charts.limits import Limit, limits_of
from daemon.web.charts.lines import Line, over_time
from daemon.web.charts.strip import outcome_strip
from daemon.web.charts.waterfall import waterfall

__all__ = [
    "Chart",
    "Limit",
    "Line",
    "Table",
    "limits_of",
    "outcome_strip",
    "over_time",
    "step_bars",
    "waterfall",
]
