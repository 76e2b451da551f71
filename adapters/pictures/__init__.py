"""Pictures drawn by Vega-Lite in a process of their own, and kept."""

from adapters.pictures.drawing import VegaDrawings as VegaDrawings
