"""HTML pages, charts, image grids, and Markdown, made from results that were computed elsewhere.

Pages are Jinja2 templates (templates/) with styles and scripts inside (assets/), each one file that
requests nothing from outside.
"""
