"""Pages that need nothing else: no network, no script."""

from zen.client.page.comparison import excerpt, page

__all__ = ["excerpt", "page"]
