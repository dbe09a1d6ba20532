"""The examples are valid by the schema that `wakegate schema` prints, and what is wrong is not."""

import copy
import json
import subprocess

import yaml
from jsonschema.validators import validator_for

from kit import ROOT, WAKEGATE

#: Where each change is made in examples/complete.yaml, and to what.
WRONG = [
    (["servces"], {}),
    (["services", "web", "idle_afer"], "30m"),
    (["services", "web", "max_held"], "many"),
    (["services", "api", "depends_on", "db", "condition"], "well"),
    (["services", "web", "process", "command"], {"run": "it"}),
    (["routes"], "everything"),
    (["page", "detail"], "all"),
]


def changed(document, path, value):
    document = copy.deepcopy(document)
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return document


def main():
    printed = subprocess.run([WAKEGATE, "schema"], capture_output=True, text=True, check=True, timeout=30)
    schema = json.loads(printed.stdout)
    kind = validator_for(schema)
    kind.check_schema(schema)
    validator = kind(schema)

    examples = sorted((ROOT / "examples").glob("**/*.yaml"))
    assert len(examples) >= 2, examples
    for example in examples:
        found = validator.iter_errors(yaml.safe_load(example.read_text()))
        errors = [f"{error.json_path}: {error.message}" for error in found]
        assert not errors, f"{example}: {errors}"

    complete = yaml.safe_load((ROOT / "examples/complete.yaml").read_text())
    for path, value in WRONG:
        assert not validator.is_valid(changed(complete, path, value)), f"{path} = {value} passes"
    print(f"{len(examples)} examples are valid by the schema, {len(WRONG)} mistakes are not")


main()
