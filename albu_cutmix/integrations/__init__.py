"""Thin bridges to training libraries, each imported by its own name and needing its own library.

`albu_cutmix.integrations.torch`, `.lightning`, `.transformers` and `.ultralytics`.
"""
