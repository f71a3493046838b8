//! A page: which files it shows, which commands it runs, and what they print.

use std::fs;

/// Stands for any text within a line, and alone on a line for any lines.
const ANYTHING: &str = "…";

/// A page of `docs/`.
pub(crate) struct Page {
    pub(crate) name: &'static str,
    /// Blocks whose first line is a comment with a file's name.
    pub(crate) files: Vec<(String, String)>,
    pub(crate) commands: Vec<Command>,
}

/// A line after `$ ` in a `console` block, and the lines below it.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) line: usize,
    pub(crate) text: String,
    expected: Vec<String>,
}

impl Page {
    pub(crate) fn read(name: &'static str) -> Self {
        let path = format!("{}/../../docs/{name}", env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(path).unwrap();
        let page = Self::parse(name, &text);
        assert!(!page.commands.is_empty(), "{name} shows no command");
        page
    }

    fn parse(name: &'static str, text: &str) -> Self {
        let mut page = Self { name, files: Vec::new(), commands: Vec::new() };
        let mut lines = (1..).zip(text.lines());
        while let Some((_, line)) = lines.next() {
            let Some(language) = line.strip_prefix("```") else { continue };
            let block: Vec<_> = lines.by_ref().take_while(|(_, line)| *line != "```").collect();
            if language == "console" {
                page.read_console(&block);
            } else if let Some(file) = block.first().and_then(|(_, line)| file_name(line)) {
                let content = block.iter().map(|(_, line)| format!("{line}\n")).collect();
                page.files.push((file.to_owned(), content));
            }
        }
        page
    }

    fn read_console(&mut self, block: &[(usize, &str)]) {
        let mut goes_on = false;
        for (number, line) in block {
            let last = self.commands.last_mut();
            if goes_on {
                let command = last.unwrap_or_else(|| panic!("line {number}"));
                command.text.extend(["\n", line]);
                goes_on = line.ends_with('\\');
            } else if let Some(text) = line.strip_prefix("$ ") {
                self.commands.push(Command { line: *number, text: text.to_owned(), expected: Vec::new() });
                goes_on = line.ends_with('\\');
            } else {
                let command = last.unwrap_or_else(|| panic!("line {number} is nobody's output"));
                command.expected.push((*line).to_owned());
            }
        }
        self.commands.iter_mut().for_each(Command::end);
    }
}

/// `// NAME` or `# NAME`.
fn file_name(line: &str) -> Option<&str> {
    let name = line.strip_prefix("// ").or_else(|| line.strip_prefix("# "))?;
    let is_name =
        name.contains('.') && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    is_name.then_some(name)
}

impl Command {
    /// True when it printed what the page shows.
    pub(crate) fn printed(&self, output: &str) -> bool {
        let expected: Vec<&str> = self.expected.iter().map(String::as_str).collect();
        let output: Vec<&str> = output.trim_end().lines().map(str::trim_end).collect();
        lines_match(&expected, &output)
    }

    pub(crate) fn expected(&self) -> String {
        self.expected.join("\n")
    }

    /// Blank lines between commands are nobody's output.
    fn end(&mut self) {
        while self.expected.last().is_some_and(String::is_empty) {
            self.expected.pop();
        }
    }
}

fn lines_match(expected: &[&str], output: &[&str]) -> bool {
    match (expected, output) {
        ([], []) => true,
        ([ANYTHING, rest @ ..], _) => (0..=output.len())
            .any(|skipped| output.get(skipped..).is_some_and(|output| lines_match(rest, output))),
        ([line, rest @ ..], [printed, others @ ..]) => {
            line_matches(line, printed) && lines_match(rest, others)
        }
        _ => false,
    }
}

fn line_matches(expected: &str, printed: &str) -> bool {
    let Some((start, rest)) = expected.split_once(ANYTHING) else { return expected == printed };
    let Some(printed) = printed.strip_prefix(start) else { return false };
    let Some((middle, end)) = rest.rsplit_once(ANYTHING) else { return printed.ends_with(rest) };
    let Some(mut printed) = printed.strip_suffix(end) else { return false };
    for part in middle.split(ANYTHING) {
        let Some((_, after)) = printed.split_once(part) else { return false };
        printed = after;
    }
    true
}

#[test]
fn an_output_is_what_stands_there_with_any_text_for_an_ellipsis() {
    let says = |expected: &str, output: &str| {
        let expected = expected.lines().map(str::to_owned).collect();
        Command { line: 0, text: String::new(), expected }.printed(output)
    };
    assert!(says("", "") && says("one\ntwo", "one\ntwo  \n"));
    assert!(
        !says("", "one\n") && !says("one", "") && !says("one", "one\ntwo\n") && !says("one\ntwo", "one\n")
    );
    assert!(says("a … c", "a b c\n") && says("…", "") && says("…c", "c") && says("a…b…c", "a1b2c"));
    assert!(!says("a … c", "a b d\n") && !says("a…b…c", "a1c2b\n") && !says("ab…b", "ab"));
    assert!(says("one\n…\nfour", "one\ntwo\nthree\nfour\n") && says("one\n…", "one\n"));
    assert!(!says("one\n…\nfour", "one\ntwo\nthree\n") && !says("…\nfour\n…\nfour", "four\n"));
}

#[test]
fn a_page_gives_its_files_and_its_commands_with_what_they_print() {
    let page = "text\n```js\n// a.mjs\nlet a;\n```\n```rust\nuse a;\n```\n```console\n$ one \\\n  two\n1\n\n$ three\n```\n$ none\n";
    let page = Page::parse("page", page);
    assert_eq!(page.files, [("a.mjs".to_owned(), "// a.mjs\nlet a;\n".to_owned())]);
    let commands = page.commands.iter().map(|command| (command.line, &*command.text, command.expected()));
    assert_eq!(
        commands.collect::<Vec<_>>(),
        [(10, "one \\\n  two", "1".to_owned()), (14, "three", String::new())]
    );
}
