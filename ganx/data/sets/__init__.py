"""The data sets: one class each, which `_target_` in conf/dataset/NAME.yaml names; its parameters are the keys there.

A class has `load()`, which returns a `ganx.data.table.Table`.
"""
