"""Lists the packages; all else stands in pyproject.toml.

The folders beside hil/ are packages of hil: drivers/ is hil.drivers. The links of these names
inside hil/ are for tools that only read the tree; they are left out, so nothing is packaged twice.
"""

from setuptools import find_packages, setup

FOLDERS = ("benches", "drivers", "protocols", "simulators")

linked = [pattern for folder in FOLDERS for pattern in (f"hil.{folder}", f"hil.{folder}.*")]
packages = find_packages(include=["hil", "hil.*"], exclude=linked)
for folder in FOLDERS:
    packages += [f"hil.{folder}", *(f"hil.{folder}.{name}" for name in find_packages(folder))]

setup(packages=packages, package_dir={f"hil.{folder}": folder for folder in FOLDERS})
