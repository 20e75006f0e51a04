from ganx.run.files import *  # noqa: F403  (moved here later)
