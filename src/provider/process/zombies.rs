use std::fs;

/// Whether nothing of these process groups is left but zombies: dead, their files and ports given back, but not
/// reaped. They still count as members, and where process 1 reaps late or never (many containers) they would keep a
/// stop waiting for a group that is gone in all but name.
///
/// Only where there is a `/proc` like Linux's; elsewhere the answer is always no.
pub(super) fn only(groups: &[i32]) -> bool {
    let Ok(processes) = fs::read_dir("/proc") else { return false };
    let mut zombies = 0;
    for entry in processes.flatten() {
        if !entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit) {
            continue;
        }
        // One that cannot be read has gone since it was listed.
        let Ok(stat) = fs::read(entry.path().join("stat")) else { continue };
        match Stat::parse(&String::from_utf8_lossy(&stat)) {
            Some(stat) if !groups.contains(&stat.group) => {}
            Some(Stat { dead: true, .. }) => zombies += 1,
            _ => return false,
        }
    }
    zombies > 0
}

/// The part of `/proc/PID/stat` (proc(5)) that matters here.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    group: i32,
    dead: bool,
}

impl Stat {
    fn parse(line: &str) -> Option<Self> {
        // The program's name stands in parentheses, and may contain anything, parentheses too.
        let (_, rest) = line.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let threads: u32 = fields.get(17)?.parse().ok()?;
        // A process whose first thread has ended is shown as a zombie while the others run on.
        let dead = matches!(*fields.first()?, "Z" | "X") && threads <= 1;
        Some(Self { group: fields.get(2)?.parse().ok()?, dead })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "71 (sh) x) S 1 70 69 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 1 1 1\n";

    #[test]
    fn a_line_is_read_whatever_the_program_is_called() {
        assert_eq!(Stat::parse(LINE), Some(Stat { group: 70, dead: false }));
        let zombie = LINE.replace(" S ", " Z ");
        assert_eq!(Stat::parse(&zombie), Some(Stat { group: 70, dead: true }));
        let threads_left = zombie.replace(" 20 0 1 ", " 20 0 2 ");
        assert_eq!(Stat::parse(&threads_left), Some(Stat { group: 70, dead: false }));
        assert_eq!(Stat::parse("71 (sh"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn only_the_dead_count() {
        use std::os::unix::process::CommandExt;
        let mut child = std::process::Command::new("sleep").arg("1000").process_group(0).spawn().unwrap();
        let group = i32::try_from(child.id()).unwrap();
        assert!(!only(&[group]), "it lives");
        child.kill().unwrap();
        // Nobody has waited for it yet, so it is a zombie as soon as it is dead.
        while !only(&[group]) {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert!(!only(&[group]), "it is reaped");
    }
}
