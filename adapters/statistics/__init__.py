"""Statistics of experiments on SciPy: intervals, power, and looks at any time."""

from adapters.statistics.comparing import ScipyStatistics as ScipyStatistics
