"""Reports for people: one HTML file without script, which needs no other."""

from api.report.model import model_report as model_report
