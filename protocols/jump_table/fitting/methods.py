"""The ways to fit a jump table, by name."""

from hil.catalog import Catalog

METHODS = Catalog(
    "hil.jump_table_methods",
    "method",
    {
        "binning": "hil.protocols.jump_table.fitting.binning:Binning",
        "binning-cv": "hil.protocols.jump_table.fitting.binning:BinningCv",
        "kriging": "hil.protocols.jump_table.fitting.kriging:Kriging",
        "local": "hil.protocols.jump_table.fitting.local:Local",
        "optuna": "hil.protocols.jump_table.fitting.optuna_search:OptunaSearch",
        "polynomial": "hil.protocols.jump_table.fitting.polynomial:Polynomial",
        "spline": "hil.protocols.jump_table.fitting.spline:Spline",
    },
)
