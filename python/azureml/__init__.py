"""The part of the Workbench's `azureml` package that scripts of a run use.

Written by azml beside a run; an installed `azureml` package stays importable below it.
"""
from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
