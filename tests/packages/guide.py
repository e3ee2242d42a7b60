"""Reads the fenced blocks of a guide and does what they say, in order, as a new user would who has the page before him.

A block of `console` is commands, after `#` for root or `$` for anybody, each with what it shows. `...` there stands for anything;
what is another value in each run (hashes, block numbers, times) is held against the shape of what the guide shows. A hash or key
that is shown is remembered, and stands for what really came wherever the guide says it again. Whoever reads the guide sees none of
what steers the test: it stands in comments of HTML before a block, `<!-- test: WORD; WORD -->`:

    write PATH                   the block is this file; the text before names it
    as USER                      who `$` is
    exit N                       with what the last command of the block ends; the others end with 0
    wait                         each command again until it shows what it should
    send                         what `kedgectl record` printed is signed and sent
    background                   left running while the guide goes on
    not run: REASON              listed in the test's output

and three that stand for themselves: `part NAME`, up to the next one; `world NAME`, something happens around the gateway that the
story knows; `table`, before a table in whose last column is what to type: each of it is a command that there is. A block without a word that says what to do with it is an error: none is passed over in silence."""
import os
import re
import sys
import time

FENCE = re.compile(r"^```(\w*)$")
COMMENT = re.compile(r"^<!-- test: (.*) -->$")
# What a reader takes for a block, or a writer for a comment that steers, and is none here.
HIDDEN = re.compile(r" *(```|~~~|<!--)")
WORDS = {"write": 1, "as": 1, "exit": 1, "wait": 0, "send": 0, "background": 0, "not run": 1}
# What is another value in each run, and its shape.
DURATION = r"\d+(?:\.\d+)? (?:ms|s|min|h|days?)\b"
SHAPES = [
    (r"0x[0-9a-f]+\.\.\.", r"0x[0-9a-f]+\.\.\."),
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d", r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d"),
    (r"\d+\.\d+\.\d+\.\d+(?::\d+|/\d+)?", None),
    (rf"{DURATION}(?: {DURATION})*", rf"{DURATION}(?: {DURATION})*"),
    (r"\.\.\.", r".*?"),
    (r"\b\d{3,}\b", r"\d+"),
    (r"[ \t]+", r"[ \t]+"),
]
VALUE = re.compile(r"0x[0-9a-f]{40,}|(?<![\w+/])[A-Za-z0-9+/]{43}=?(?![\w+/=])")


class Command:
    def __init__(self, line, prompt, text):
        self.line, self.prompt, self.text, self.shown = line, prompt, text, []


class Block:
    def __init__(self, line, kind, steer, part):
        self.line, self.kind, self.steer, self.part = line, kind, steer, part
        self.text, self.commands = [], []


class Wrong(AssertionError):
    """The guide itself is wrong, or what it says is not what happens."""


def read_steer(at, text):
    steer = {}
    for word in text.split("; "):
        name = next((n for n in WORDS if word == n or word.startswith((n + " ", n + ": "))), None)
        rest = word[len(name):].lstrip(": ") if name else ""
        if not name or bool(rest) != bool(WORDS[name]):
            raise Wrong(f"{at}: the comment's '{word}' means nothing")
        steer[name] = rest
    return steer


def goes_on(text):
    """A command whose next line belongs to it: after a backslash, or in a document that stands here."""
    return text.endswith("\\") or ("<<EOF\n" in text + "\n" and not text.endswith("\nEOF"))


def read_commands(path, block):
    for i, line in enumerate(block.text):
        at = block.line + 1 + i
        if block.commands and goes_on(block.commands[-1].text):
            block.commands[-1].text += "\n" + line
        elif line[:2] in ("# ", "$ "):
            block.commands.append(Command(at, line[0], line[2:]))
        elif block.commands:
            block.commands[-1].shown.append(line)
        elif line.strip():
            raise Wrong(f"{path}:{at}: before the first command")
    if not block.commands:
        raise Wrong(f"{path}:{block.line}: a block of console without a command")


def check_block(path, block, before):
    at, steer = f"{path}:{block.line}", block.steer
    if "not run" in steer:
        return
    if block.kind == "console":
        read_commands(path, block)
        return
    if not block.kind and not steer and not any(line[:2] in ("# ", "$ ") for line in block.text):
        return  # a picture
    target = steer.get("write")
    if not target:
        raise Wrong(f"{at}: nothing says what to do with this block of '{block.kind}'")
    if f"`{target}`" not in before:
        raise Wrong(f"{at}: the text before does not say that this is {target}")


def read(path, shown=None):
    """The blocks of a guide, and what happens between them: ("world", line, text)."""
    shown = shown or os.path.basename(path)
    blocks, part, steer, block, table, before = [], "", None, None, None, ""
    with open(path, encoding="utf-8") as f:
        lines = f.read().splitlines()
    for n, line in enumerate(lines, 1):
        fence, comment = FENCE.match(line), COMMENT.match(line)
        if block:
            if line == "```":
                check_block(shown, block, before)
                blocks.append(block)
                block, before = None, ""
            else:
                block.text.append(line)
        elif fence:
            block = Block(n, fence.group(1), steer or {}, part)
            steer = None
        elif steer is not None:
            raise Wrong(f"{shown}:{n}: a comment that steers stands right before its block")
        elif comment and comment.group(1).startswith("part "):
            part = comment.group(1)[5:]
        elif comment and comment.group(1).startswith("world "):
            world = Block(n, "world", {"world": comment.group(1)[6:]}, part)
            blocks.append(world)
        elif comment and comment.group(1) == "table":
            table = Block(n, "table", {}, part)
            blocks.append(table)
        elif table and line.startswith("|"):
            table.text.append(line)
        elif comment:
            steer = read_steer(f"{shown}:{n}", comment.group(1))
        elif HIDDEN.match(line):
            raise Wrong(f"{shown}:{n}: this is read by nobody")
        else:
            table = None
            before = line if not before or re.match(r"#+ ", line) else before + "\n" + line
    if block or steer is not None:
        raise Wrong(f"{shown}: ends within a block")
    return blocks


def table_commands(block):
    """What stands in backquotes in the last column; the first two lines are its head."""
    for i, line in enumerate(block.text[2:]):
        for text in re.findall(r"`([^`]*)`", line.rstrip(" |").rsplit("|", 1)[1]):
            yield Command(block.line + 3 + i, "#", text)


def parts(lines, known):
    """A regular expression for lines that are shown, and which values of the guide stand in it."""
    names, whole = [], []
    for line in lines:
        if line.strip() == "...":
            whole.append(r"(?:.*\n)*?")
            continue
        whole.append(line_pattern(line.rstrip(), names, known) + r"[ \t]*\n")
    return "".join(whole), names


def line_pattern(line, names, known):
    out, at = "", 0
    while at < len(line):
        value = VALUE.match(line, at)
        if value:
            out += f"(?P<v{len(names)}>{shape_of(value.group(), known)})"
            names.append(value.group())
            at = value.end()
            continue
        for shape, pattern in SHAPES:
            found = re.compile(shape).match(line, at)
            if found and (at == 0 or not (line[at - 1].isalnum() and line[at].isalnum())):
                out += re.escape(found.group()) if pattern is None else pattern
                at = found.end()
                break
        else:
            out += re.escape(line[at])
            at += 1
    return out


def shape_of(value, known):
    if any(value in came for came in known):
        return re.escape(value)
    return f"0x[0-9a-f]{{{len(value) - 2}}}" if value.startswith("0x") else rf"[A-Za-z0-9+/]{{43}}={'' if value.endswith('=') else '?'}"


class Values:
    """What the guide's examples are in this run."""

    def __init__(self, known):
        self.known = dict(known)

    def put(self, text):
        for shown in sorted(self.known, key=len, reverse=True):
            text = text.replace(shown, self.known[shown])
        return text

    def compare(self, shown, output):
        """None, or the first line of the guide that has not come."""
        while shown and not shown[-1].strip():
            shown = shown[:-1]
        if not shown:
            return None
        if not output.endswith("\n"):
            output += "\n"
        came = set(self.known.values())
        pattern, names = parts(shown, came)
        found = re.fullmatch(pattern, output)
        if not found:
            good = 0
            while good < len(shown) and re.match(parts(shown[:good + 1], came)[0], output):
                good += 1
            return shown[good] if good < len(shown) else "nothing more"
        for i, name in enumerate(names):
            value = found.group(f"v{i}")
            if name not in came and self.known.setdefault(name, value) != value:
                return f"{name}, which was {self.known[name]}"
        return None


class Runner:
    """Does what the blocks say in a booted gateway m. world(name, ...): what happens around it."""

    def __init__(self, m, path, values, wallet, world, user):
        self.m, self.path, self.name = m, path, os.path.basename(path)
        self.values, self.wallet, self.world, self.user = Values(values), wallet, world, user
        self.commands = self.written = 0
        self.left, self.background = [], []

    def run(self, wanted=lambda part: True):
        for block in read(self.path):
            if wanted(block.part):
                self.block(block)
        for process in self.background:
            process.kill()
        print(f"{self.name}: {self.commands} commands run, {self.written} files written, {len(self.left)} blocks not run")
        for text in self.left:
            print("    not run: " + text)

    def block(self, block):
        if not block.kind:
            return
        steer, at = block.steer, f"{self.name}:{block.line}"
        if "not run" in steer:
            self.left.append(f"{at}: {steer['not run']}: {next((t for t in block.text if t.strip()), '')}")
        elif block.kind == "world":
            name, *rest = steer["world"].split()
            self.world(name, *rest)
        elif block.kind == "table":
            for command in table_commands(block):
                self.typed(command, f"{self.name}:{command.line}: {command.text}")
        elif block.kind != "console":
            self.write(block)
        else:
            for command in block.commands:
                last = command is block.commands[-1]
                self.command(command, steer, int(steer.get("exit", 0)) if last else 0)

    def write(self, block):
        text, path = self.values.put("\n".join(block.text) + "\n"), block.steer["write"]
        if not path.startswith("/"):
            path = f"/home/{self.user}/{path}"
        self.m.must("tee", path, stdin=text)
        self.m.must("chmod", "644", path)
        self.written += 1

    def argv(self, command, steer):
        text = self.values.put(command.text)
        if command.prompt == "#":
            return ["env", "-i", "HOME=/root", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8",
                    "bash", "-c", "cd && " + text]
        return ["runuser", "-l", steer.get("as", self.user), "-c", text]

    def command(self, command, steer, code):
        at = f"{self.name}:{command.line}: {command.prompt} {command.text}"
        self.commands += 1
        if "background" in steer:
            return self.start(command, steer, at)
        end = time.monotonic() + 60
        while True:
            r = self.m.run(*self.argv(command, steer), timeout=300)
            output = r.stdout + r.stderr
            missing = self.values.compare([self.values.put(s) for s in command.shown], output)
            if r.returncode == code and missing is None:
                break
            if "wait" not in steer or time.monotonic() > end:
                why = f"ends with {r.returncode}, not {code}" if r.returncode != code else f"does not show: {missing}"
                raise Wrong(f"{at}\n{why}; it shows:\n{output}")
            time.sleep(0.2)
        if "send" in steer:
            if not self.wallet.send(r.stdout):
                raise Wrong(f"{at}\nprints nothing to sign:\n{output}")

    def typed(self, command, at):
        """What a symptom has the reader type: it is there, and takes these words; what it finds is another thing."""
        if "..." in command.text:
            self.left.append(f"{at}: wants a value of the reader's")
            return
        if command.text.startswith("man "):  # the page is there; a gateway may have no man
            command = Command(command.line, "#", "ls /usr/share/man/man?/" + command.text[4:] + ".?*")
        r = self.m.run(*self.argv(command, {}), timeout=60)
        self.commands += 1
        if r.returncode in (2, 126, 127) and not command.text.startswith("getent "):
            raise Wrong(f"{at}\nends with {r.returncode}; it shows:\n{r.stdout}{r.stderr}")

    def start(self, command, steer, at):
        """Left running; the first lines that it shows are waited for."""
        process = self.m.start(*self.argv(command, steer))
        self.background.append(process)
        shown = [self.values.put(s) for s in command.shown if s.strip()]
        output = "".join(process.stdout.readline() for _ in shown)
        missing = self.values.compare(shown, output)
        if missing is not None:
            raise Wrong(f"{at}\ndoes not show: {missing}; it shows:\n{output}")


if __name__ == "__main__":
    try:
        for name in sys.argv[1:]:
            read(name)
    except Wrong as e:
        sys.exit(str(e))
