"""The look of the page, and its mounting; it loads nothing from other servers."""

from importlib.resources import files

import gradio as gr
from fastapi import FastAPI
from starlette.routing import Mount

from multiskin.serve.settings import Settings

FONTS = [
    "system-ui",
    "-apple-system",
    "Segoe UI",
    "Roboto",
    "Noto Sans",
    "Apple SD Gothic Neo",
    "Malgun Gothic",
    "Noto Sans KR",
    "Noto Sans CJK KR",
    "sans-serif",
]  # fonts that may be installed on the visitor's machine; none is downloaded
ACCENT = gr.themes.Color(
    "#eef6f4",
    "#d8ebe7",
    "#b7d9d2",
    "#83c5b9",
    "#4f9f93",
    "#3a8378",
    "#2f6b62",
    "#285a53",
    "#224a45",
    "#1c3c38",
    "#10201d",
)
STONE = gr.themes.Color(
    "#faf8f5",
    "#f6f4f1",
    "#e9e4de",
    "#d9d2ca",
    "#aaa199",
    "#857b73",
    "#6a625b",
    "#423d39",
    "#2b2826",
    "#211f1e",
    "#171615",
)
LIGHT = {
    "body_background_fill": "#f6f4f1",
    "body_text_color": "#23201d",
    "body_text_color_subdued": "#6a625b",
    "background_fill_primary": "#fffefc",
    "background_fill_secondary": "#f6f4f1",
    "block_background_fill": "#fffefc",
    "border_color_primary": "#d9d2ca",
    "block_border_color": "#d9d2ca",
    "block_label_text_color": "#6a625b",
    "block_title_text_color": "#23201d",
    "input_background_fill": "#fffefc",
    "button_primary_background_fill": "#2f6b62",
    "button_primary_background_fill_hover": "#285a53",
    "button_primary_text_color": "#ffffff",
    "checkbox_label_background_fill": "#fffefc",
    "checkbox_label_background_fill_hover": "#f6f4f1",
    "checkbox_label_border_color": "#d9d2ca",
    "checkbox_label_background_fill_selected": "#eef6f4",
    "checkbox_label_border_color_selected": "#2f6b62",
    "checkbox_background_color_selected": "#2f6b62",
    "checkbox_border_color_selected": "#2f6b62",
    "link_text_color": "#2f6b62",
}
DARK = {
    "body_background_fill": "#171615",
    "body_text_color": "#f1ede8",
    "body_text_color_subdued": "#aaa199",
    "background_fill_primary": "#211f1e",
    "background_fill_secondary": "#171615",
    "block_background_fill": "#211f1e",
    "border_color_primary": "#423d39",
    "block_border_color": "#423d39",
    "block_label_text_color": "#aaa199",
    "block_title_text_color": "#f1ede8",
    "input_background_fill": "#2b2826",
    "button_primary_background_fill": "#83c5b9",
    "button_primary_background_fill_hover": "#b7d9d2",
    "button_primary_text_color": "#10201d",
    "checkbox_label_background_fill": "#211f1e",
    "checkbox_label_background_fill_hover": "#2b2826",
    "checkbox_label_border_color": "#423d39",
    "checkbox_label_background_fill_selected": "#1c3c38",
    "checkbox_label_border_color_selected": "#83c5b9",
    "checkbox_background_color_selected": "#4f9f93",
    "checkbox_border_color_selected": "#83c5b9",
    "link_text_color": "#83c5b9",
}


def theme() -> gr.themes.Base:
    """A warm, paper-like background, dark green accents, and the visitor's own fonts."""
    base = gr.themes.Base(
        primary_hue=ACCENT,
        secondary_hue=ACCENT,
        neutral_hue=STONE,
        font=FONTS,
        font_mono=["ui-monospace", "monospace"],
        radius_size=gr.themes.sizes.radius_lg,
        spacing_size=gr.themes.sizes.spacing_lg,
    )
    return base.set(
        **LIGHT,
        **{f"{name}_dark": colour for name, colour in DARK.items()},
        block_shadow="none",
        block_shadow_dark="none",
        block_radius="1rem",
        container_radius="1rem",
        checkbox_label_border_width="1px",
        checkbox_label_border_width_dark="1px",
        layout_gap="1.1rem",
    )


def mount_page(application: FastAPI, page: gr.Blocks, settings: Settings) -> None:
    """Serves the page under /, without Gradio's optional features."""
    gr.mount_gradio_app(
        application,
        page,
        path="/",
        root_path=settings.root_path or None,
        footer_links=[],
        run_history=False,
        show_error=False,
        max_file_size=settings.max_bytes,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        theme=theme(),
        # Passed as css=, Gradio would parse it and drop rules that it does not know.
        head=f"<style>{_text('page.css')}</style><script>{_text('page.js')}{_text('clinics.js')}</script>",
    )


def end_streams(application: FastAPI) -> None:
    """Ends the streams by which browsers keep pages alive."""
    for route in application.routes:
        if isinstance(route, Mount) and isinstance(route.app, gr.routes.App):
            route.app.stop_event.set()


def _text(name: str) -> str:
    return files("multiskin.serve.page").joinpath("html", name).read_text(encoding="utf-8")
