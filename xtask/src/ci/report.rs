//! What test programs said they did, read from their output line by line.

/// The reports of any number of test programs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Report {
    /// Tests by how they ended.
    pub(super) passed: usize,
    pub(super) failed: usize,
    pub(super) ignored: usize,
    /// The tests that failed, by name.
    pub(super) names: Vec<String>,
    /// Programs that began and have not said how it went.
    open: usize,
}

impl Report {
    /// Takes in a line of the output.
    pub(super) fn add(&mut self, line: &str) {
        if is_beginning(line) {
            self.open += 1;
        } else if let Some(name) = failed(line) {
            self.names.push(name.to_owned());
        } else if let Some(sums) = line.strip_prefix("test result: ") {
            self.open = self.open.saturating_sub(1);
            self.passed += number(sums, " passed");
            self.failed += number(sums, " failed");
            self.ignored += number(sums, " ignored");
        }
    }

    /// The sums of both.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
        self.open += other.open;
        self.names.extend(other.names);
        self
    }

    /// Whether every failure has a name, and no program broke off.
    pub(super) fn is_whole(&self) -> bool {
        self.open == 0 && self.failed == self.names.len()
    }
}

/// "running 3 tests"
fn is_beginning(line: &str) -> bool {
    let Some(count) = line.strip_prefix("running ") else { return false };
    count.strip_suffix(" tests").or(count.strip_suffix(" test")).is_some_and(is_number)
}

fn is_number(text: &str) -> bool {
    text.parse::<usize>().is_ok()
}

/// "test a::b ... FAILED", also when a test that ran beside it printed into the line.
fn failed(line: &str) -> Option<&str> {
    let (name, _) = line.strip_prefix("test ")?.strip_suffix("FAILED")?.split_once(" ... ")?;
    Some(name)
}

fn number(sums: &str, name: &str) -> usize {
    let part = sums.split([';', '.']).find_map(|part| part.trim().strip_suffix(name));
    part.and_then(|count| count.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Report {
        let mut report = Report::default();
        lines.iter().for_each(|line| report.add(line));
        report
    }

    const TWO: [&str; 6] = [
        "running 13 tests",
        "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished",
        "running 3 tests",
        "test good ... ok",
        "test tests::bad ... FAILED",
        "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; fini",
    ];

    #[test]
    fn counts_every_report_and_names_what_failed() {
        let two = read(&TWO);
        assert_eq!((two.passed, two.failed, two.ignored), (14, 1, 1));
        assert_eq!(two.names, ["tests::bad"]);
        assert!(two.is_whole());
        let four = two.clone().and(two);
        assert_eq!((four.passed, four.failed, four.ignored), (28, 2, 2));
    }

    #[test]
    fn a_program_that_broke_off_is_no_whole_report() {
        assert!(!read(&TWO[..5]).is_whole());
        assert!(!read(&["running 1 test"]).is_whole());
    }

    #[test]
    fn a_failure_without_a_name_is_no_whole_report() {
        assert!(!read(&[TWO[2], TWO[5]]).is_whole());
    }

    #[test]
    fn what_programs_print_besides_is_not_taken_for_a_report() {
        let lines = ["running on io_uring", "test bench FAILED", "the test x ... FAILED", ""];
        assert_eq!(read(&lines), Report::default());
    }
}
