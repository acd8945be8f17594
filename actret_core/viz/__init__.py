"""Pictures of the book: functions that return a matplotlib Figure, readable in gray and by the color-blind."""

from actret_core.viz.charts import bars, embedding_map, flow_chart, label_points, rank_strips
from actret_core.viz.photographs import (
    context_panel, draw_boxes, query_rows, ranked_list, ranked_outlines, sample_grid, show_image,
)
from actret_core.viz.phrases import phrase_rows, space_maps
from actret_core.viz.style import PERSON, PERSON_STYLE, REGION, REGION_STYLE, WRONG, code_of, readable, save_figure

__all__ = [
    "PERSON", "PERSON_STYLE", "REGION", "REGION_STYLE", "WRONG", "bars", "code_of", "context_panel", "draw_boxes",
    "embedding_map", "flow_chart", "label_points", "phrase_rows", "query_rows", "rank_strips", "ranked_list",
    "ranked_outlines", "readable", "sample_grid", "save_figure", "show_image", "space_maps",
]
