"""What all tests share: the tools on the path, and none of the user's own configuration.

It stands here and not in tests/, so that it also holds for ``pytest chapters``.
"""


import nbval.kernel
import nbval.plugin

from tools.chapters import settle_environment

settle_environment()


def execute_cell_input(self, cell_input, allow_stdin=None):
    """As nbval's own, but with history: without it, IPython ignores a semicolon at a cell's end."""
    return self.kc.execute(
        cell_input, store_history=True, allow_stdin=allow_stdin, stop_on_error=False
    )


nbval.kernel.RunningKernel.execute_cell_input = execute_cell_input


def without_images(self, test, ref, skip_compare=None):
    """A recording holds no images of any kind; nbval leaves out only PNG and JPEG."""
    skip = (*(skip_compare or self.parent.skip_compare), "image/svg+xml", "image/gif")
    return compare_outputs(self, test, ref, skip)


compare_outputs = nbval.plugin.IPyNbCell.compare_outputs
nbval.plugin.IPyNbCell.compare_outputs = without_images
