"""The whole table."""

from __future__ import annotations

from tests.faults.scenario import Scenario
from tests.faults.table_mixed import MIXED
from tests.faults.table_people import HUMAN_ACTS
from tests.faults.table_site import NOT_THE_WIDGET
from tests.faults.table_widget import WIDGET_FAULTS

TABLE: tuple[Scenario, ...] = (*WIDGET_FAULTS, *NOT_THE_WIDGET, *HUMAN_ACTS, *MIXED)
