"""Pictures: figures as Vega-Lite specifications in one visual language, each with its table."""

from api.pictures.contributions import contributions as contributions
from api.pictures.distribution import buckets_of as buckets_of
from api.pictures.distribution import distribution as distribution
from api.pictures.drawing import Draws as Draws
from api.pictures.drawing import page_svg as page_svg
from api.pictures.drawing import themed_png as themed_png
from api.pictures.gain import Gain as Gain
from api.pictures.gain import gain as gain
from api.pictures.gauge import gauge as gauge
from api.pictures.lines import Series as Series
from api.pictures.lines import lines as lines
from api.pictures.picture import Picture as Picture
from api.pictures.picture import Table as Table
from api.pictures.reliability import Bin as Bin
from api.pictures.reliability import Reliability as Reliability
from api.pictures.reliability import reliability as reliability
from api.pictures.style import DARK as DARK
from api.pictures.style import LIGHT as LIGHT
from api.pictures.timeline import Bought as Bought
from api.pictures.timeline import timeline as timeline
