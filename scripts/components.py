#!/usr/bin/env python3
"""What a binary of segue is made of, from `cargo metadata` and the sources of
the crates: standard library only, no network beyond what cargo needs.

    scripts/components.py sbom TARGET       a CycloneDX 1.6 document, to stdout
    scripts/components.py licences TARGET   THIRD-PARTY.md: who is in it, and all licence texts
    scripts/components.py targets           what a release is made for
    scripts/components.py check             whether every licence is in ALLOWED, with its text

The same Cargo.lock and SOURCE_DATE_EPOCH give the same bytes.
"""

import datetime
import hashlib
import json
import os
import re
import subprocess
import sys
import uuid

# What .github/workflows/release.yml makes.
TARGETS = [
    "x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl",
    "x86_64-apple-darwin", "aarch64-apple-darwin",
]

# What may be in a binary that is given away under MIT or Apache-2.0 without
# asking anybody for more than a notice.
ALLOWED = {
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause",
    "BSL-1.0", "CC0-1.0", "CDLA-Permissive-2.0", "ISC", "MIT", "MIT-0", "PostgreSQL",
    "Unicode-3.0", "Unlicense", "Zlib",
}

MIT = """\
Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""

BSD = """\
Redistribution and use in source and binary forms, with or without modification, are permitted provided that the
following conditions are met:

1. Redistributions of source code must retain the above copyright notice, this list of conditions and the following
   disclaimer.
2. Redistributions in binary form must reproduce the above copyright notice, this list of conditions and the following
   disclaimer in the documentation and/or other materials provided with the distribution.
{third}
THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS" AND ANY EXPRESS OR IMPLIED WARRANTIES,
INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE
DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL,
SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR
SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY,
WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE OF
THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.
"""

BSD_3 = BSD.format(third="""\
3. Neither the name of the copyright holder nor the names of its contributors may be used to endorse or promote products
   derived from this software without specific prior written permission.
""")
BSD_2 = BSD.format(third="")

POSTGRESQL = """\
Permission to use, copy, modify, and distribute this software and its documentation for any purpose, without fee, and
without a written agreement is hereby granted, provided that the above copyright notice and this paragraph and the
following two paragraphs appear in all copies.

IN NO EVENT SHALL THE UNIVERSITY OF CALIFORNIA BE LIABLE TO ANY PARTY FOR DIRECT, INDIRECT, SPECIAL, INCIDENTAL, OR
CONSEQUENTIAL DAMAGES, INCLUDING LOST PROFITS, ARISING OUT OF THE USE OF THIS SOFTWARE AND ITS DOCUMENTATION, EVEN IF
THE UNIVERSITY OF CALIFORNIA HAS BEEN ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.

THE UNIVERSITY OF CALIFORNIA SPECIFICALLY DISCLAIMS ANY WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE IMPLIED
WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE. THE SOFTWARE PROVIDED HEREUNDER IS ON AN "AS IS"
BASIS, AND THE UNIVERSITY OF CALIFORNIA HAS NO OBLIGATIONS TO PROVIDE MAINTENANCE, SUPPORT, UPDATES, ENHANCEMENTS, OR
MODIFICATIONS.
"""


class Part:
    """C code inside a crate, or a library that the compiler adds, of which
    cargo knows nothing."""

    def __init__(self, name, licence, holders, text, url, version=None):
        self.name, self.licence, self.holders = name, licence, holders
        self.text, self.url, self.version = text, url, version


# Crates whose package has no licence text, and the C code in them that is under
# others' licences. As the crates' README says.
BUNDLED = {
    "pg_query": [
        Part("pg_query (Rust)", "MIT",
             ["2021 Paul Mason <paul@form1.co.nz>", "2021-2023 Duboce Labs, Inc. (pganalyze) <team@pganalyze.com>"],
             MIT, "https://github.com/pganalyze/pg_query.rs"),
        Part("libpg_query", "BSD-3-Clause",
             ["2015 Lukas Fittl <lukas@fittl.com>", "2016-2026 Duboce Labs, Inc. (pganalyze) <team@pganalyze.com>"],
             BSD_3, "https://github.com/pganalyze/libpg_query"),
        Part("PostgreSQL", "PostgreSQL",
             ["1996-2026 The PostgreSQL Global Development Group",
              "1994 The Regents of the University of California"],
             POSTGRESQL, "https://www.postgresql.org"),
        Part("upb", "BSD-3-Clause", ["2008 Google Inc."], BSD_3,
             "https://github.com/protocolbuffers/protobuf"),
        Part("utf8_range", "MIT", ["2019 Yibo Cai", "2022 Google LLC"], MIT,
             "https://github.com/protocolbuffers/utf8_range"),
        Part("xxHash", "BSD-2-Clause", ["2012-2020 Yann Collet"], BSD_2, "https://github.com/Cyan4973/xxHash"),
    ],
}


def compilers_own(target):
    """What rustc links into each binary."""
    version = subprocess.run(["rustc", "--version"], check=True, capture_output=True, text=True).stdout.split()[1]
    parts = [Part("Rust standard library", "MIT OR Apache-2.0", ["The Rust Project Contributors"], MIT,
                  "https://github.com/rust-lang/rust", version)]
    if target.endswith("-musl"):
        parts.append(Part("musl", "MIT", ["2005-2020 Rich Felker, et al."], MIT, "https://musl.libc.org"))
        parts.append(Part("LLVM libunwind", "Apache-2.0 WITH LLVM-exception",
                          ["The LLVM Project contributors"], None, "https://llvm.org"))
    return parts


class Package:
    def __init__(self, raw):
        self.raw, self.id, self.name, self.version = raw, raw["id"], raw["name"], raw["version"]
        self.is_macro = any("proc-macro" in made["kind"] for made in raw["targets"])
        if not raw["license"]:
            sys.exit(f"components: {self.name} {self.version} names no licence")
        # An older way of writing OR.
        self.licence = raw["license"].replace("/", " OR ")
        self.purl = f"pkg:cargo/{self.name}@{self.version}"

    def texts(self):
        """Licence texts in the package: of two to choose from, MIT's."""
        root = os.path.dirname(self.raw["manifest_path"])
        found = []
        for folder, folders, files in os.walk(root):
            folders[:] = sorted(name for name in folders if name not in ("target", "tests", "benches", "examples"))
            for name in sorted(files):
                if re.match(r"(?i)(licen[cs]e|copying|copyright|notice|unlicense)", name) and not name.endswith(".rs"):
                    with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                        found.append((os.path.relpath(os.path.join(folder, name), root), file.read()))
        alternatives = re.split(r"\s+OR\s+", self.licence)
        if len(alternatives) > 1 and "MIT" in alternatives:
            mit = [(name, text) for name, text in found
                   if "mit" in name.lower() or "Permission is hereby granted, free of charge" in text]
            found = mit or found
        if not found and "MIT" in alternatives:
            # Its authors left the text out, and mean the usual one.
            authors = ", ".join(self.raw["authors"]) or f"the authors of {self.name}"
            found = [("MIT", f"Copyright (c) {authors}\n\n{MIT}")]
        return found


class Made:
    """segue for one target, and what is in it."""

    def __init__(self, target):
        self.target = target
        command = ["cargo", "metadata", "--locked", "--format-version", "1"]
        if target:
            command += ["--filter-platform", target]
        metadata = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        packages = {raw["id"]: raw for raw in metadata["packages"]}
        nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
        self.root = Package(packages[metadata["resolve"]["root"]])
        # Dependencies for building and testing are in no binary.
        self.needs = {}
        waiting = [self.root.id]
        while waiting:
            one = waiting.pop()
            if one in self.needs:
                continue
            self.needs[one] = sorted({
                needed["pkg"] for needed in nodes[one]["deps"]
                if any(kind["kind"] is None for kind in needed["dep_kinds"])
            })
            waiting += self.needs[one]
        found = [Package(packages[one]) for one in self.needs if one != self.root.id]
        self.packages = sorted(found, key=lambda package: (package.name, package.version))
        # Macros run at build time; they and what only they need are not in the binary.
        linked, waiting = set(), [self.root.id]
        macros = {package.id for package in found if package.is_macro}
        while waiting:
            one = waiting.pop()
            if one not in linked and one not in macros:
                linked.add(one)
                waiting += self.needs[one]
        self.linked = [package for package in self.packages if package.id in linked]


def alternatives_of(expression):
    """Licences joined by AND, each with its alternatives; brackets only around an OR."""
    return [[one.strip(" ()") for one in part.split(" OR ")] for part in expression.split(" AND ")]


def check():
    problems = []
    for target in TARGETS:
        for package in Made(target).linked:
            if not all(any(one in ALLOWED for one in part) for part in alternatives_of(package.licence)):
                problems.append(f"{package.name} {package.version}, in {target}: {package.licence} is not in ALLOWED")
            if package.name not in BUNDLED and not package.texts():
                problems.append(f"{package.name} {package.version}, in {target}: has no licence text, name it in BUNDLED")
    if problems:
        sys.exit("\n".join(f"components: {problem}" for problem in problems))


def moment():
    seconds = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def checksums():
    """SHA-256 of each crate's package, from Cargo.lock, by name and version."""
    with open("Cargo.lock", encoding="utf-8") as file:
        text = file.read()
    pattern = r'\[\[package\]\]\nname = "([^"]+)"\nversion = "([^"]+)"\nsource = [^\n]+\nchecksum = "([0-9a-f]{64})"'
    return {(name, version): checksum for name, version, checksum in re.findall(pattern, text)}


def licence_choice(expression):
    """An expression needs a space; a single SPDX id goes by its own name."""
    return [{"expression": expression}] if " " in expression else [{"license": {"id": expression}}]


def sbom(target):
    made = Made(target)
    sums = checksums()
    purls = {package.id: package.purl for package in made.packages}
    root_ref = f"{made.root.purl}?target={target}"
    purls[made.root.id] = root_ref
    linked = {package.id for package in made.linked}
    components, dependencies = [], []
    for package in made.packages:
        component = {
            "type": "library",
            "bom-ref": package.purl,
            "name": package.name,
            "version": package.version,
            # `excluded` is CycloneDX's word for what only the build needs.
            "scope": "required" if package.id in linked else "excluded",
            "licenses": licence_choice(package.licence),
            "purl": package.purl,
        }
        if (package.name, package.version) in sums:
            component["hashes"] = [{"alg": "SHA-256", "content": sums[package.name, package.version]}]
        if package.raw.get("repository"):
            component["externalReferences"] = [{"type": "vcs", "url": package.raw["repository"]}]
        if package.name in BUNDLED:
            component["components"] = [part_of(part, package.purl) for part in BUNDLED[package.name]]
        components.append(component)
    components += [part_of(part, "rustc") for part in compilers_own(target)]
    for one in sorted(made.needs, key=lambda one: purls[one]):
        dependencies.append({"ref": purls[one], "dependsOn": sorted(purls[needed] for needed in made.needs[one])})
    with open("Cargo.lock", "rb") as file:
        fingerprint = hashlib.sha256(file.read()).hexdigest()
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": uuid.uuid5(uuid.NAMESPACE_URL, f"{root_ref}#{fingerprint}").urn,
        "version": 1,
        "metadata": {
            "timestamp": moment(),
            "tools": {"components": [{"type": "application", "name": "segue scripts/components.py"}]},
            "component": {
                "type": "application",
                "bom-ref": root_ref,
                "name": made.root.name,
                "version": made.root.version,
                "licenses": licence_choice(made.root.licence),
                "purl": made.root.purl,
            },
        },
        "components": components,
        "dependencies": dependencies,
    }
    json.dump(document, sys.stdout, indent=1)
    print()


def part_of(part, owner):
    component = {
        "type": "library",
        "bom-ref": f"{owner}#{part.name}",
        "name": part.name,
        "licenses": licence_choice(part.licence),
        "copyright": "; ".join(f"Copyright (c) {holder}" for holder in part.holders),
        "externalReferences": [{"type": "website", "url": part.url}],
    }
    if part.version:
        component["version"] = part.version
    return component


def licences(target):
    made = Made(target)
    # One text, and all whose it is.
    owners, order = {}, []

    def add(owner, text):
        # Line ends and indentation make no other licence.
        key = "\n".join(line.strip() for line in text.strip().splitlines())
        if key not in owners:
            owners[key] = []
            order.append((key, text.strip()))
        owners[key].append(owner)

    print(f"# What is in segue {made.root.version}, for {target}\n")
    print("Made by `scripts/components.py` from Cargo.lock. segue itself is under MIT or Apache-2.0.\n")
    print("| component | version | licence |\n|---|---|---|")
    for package in made.linked:
        print(f"| {package.name} | {package.version} | {package.licence} |")
        for part in BUNDLED.get(package.name, []):
            print(f"| {part.name}, in {package.name} | | {part.licence} |")
            add(part.name, notice(part))
        if package.name in BUNDLED:
            continue
        for name, text in package.texts():
            add(f"{package.name} {package.version} ({name})", text)
    with open("LICENSE-APACHE", encoding="utf-8") as file:
        apache = file.read()
    for part in compilers_own(target):
        print(f"| {part.name} | {part.version or ''} | {part.licence} |")
        add(part.name, notice(part) if part.text else LLVM_EXCEPTION + "\n" + apache)
    print("\n## Licence texts")
    for key, text in order:
        print(f"\n### {', '.join(owners[key])}\n\n```text\n{text.replace('```', chr(39) * 3)}\n```")


LLVM_EXCEPTION = """\
Under the Apache License 2.0 with this exception. As an exception, if, as a result of your compiling your source code,
portions of this Software are embedded into an Object form of such source code, you may redistribute such embedded
portions in such Object form without complying with the conditions of Sections 4(a), 4(b) and 4(d) of the License.
"""


def notice(part):
    return "\n".join(f"Copyright (c) {holder}" for holder in part.holders) + "\n\n" + part.text


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    arguments = sys.argv[1:]
    if len(arguments) == 2 and arguments[0] == "sbom":
        sbom(arguments[1])
    elif len(arguments) == 2 and arguments[0] == "licences":
        licences(arguments[1])
    elif arguments == ["targets"]:
        print(*TARGETS)
    elif arguments == ["check"]:
        check()
    else:
        sys.exit(__doc__)


main()
