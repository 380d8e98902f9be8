"""Hands a run that came as a package to azml: RUN FOLDER NAME [AZML]."""

import os
import shutil
import sys

run, folder, name = sys.argv[1:4]
folder = os.path.expanduser(folder)
package = os.path.join(os.path.dirname(os.path.abspath(__file__)), "node")
if len(sys.argv) > 4:
    azml = os.path.expanduser(sys.argv[4])
else:
    azml = os.path.join(folder, "bin", name)
    if not os.path.exists(azml):
        places = [os.path.join(place, "azml_program", "azml") for place in sys.path]
        found = next(place for place in places if os.path.exists(place))
        os.makedirs(os.path.dirname(azml), exist_ok=True)
        new = "%s.%d" % (azml, os.getpid())
        shutil.copyfile(found, new)
        os.chmod(new, 0o755)
        os.replace(new, azml)
words = [azml, "node", "carry"]
for place in sys.path:
    if os.path.isdir(os.path.join(place, "azml_large")):
        words += ["--large", os.path.join(place, "azml_large")]
os.environ["AZML_NODE_DIR"] = folder
os.execv(azml, words + [package, run])
