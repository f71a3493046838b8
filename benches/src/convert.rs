//! `convert SEALKIT [COOKIES]`: what `sealkit convert` costs over many cookies (1,000,000), and what keeps it busy.
//!
//! SEALKIT is the program; COOKIES are made here, in a folder that is removed afterwards (about 5 GB for a million). Prints one
//! JSON line for each conversion: seconds, processors kept busy, CPU time for a cookie, and beside it what opening, converting
//! and sealing one costs in this process on one thread, which is what is left when reading, writing and handing out cost nothing.

use sealkit::{
    Clock as _, CookiePassword, EncodingPolicy, KeyRing, SystemClock, SystemRandom,
    format::{Format, FormatSet, KeyShape},
    session::{SessionReader, payload_in},
    token::{IssuerPolicy, TokenPolicy},
};
use std::{
    fs,
    io::{BufRead as _, BufWriter, Write as _},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

/// Conversions that are measured.
const WAYS: [(Format, Format); 3] = [
    (Format::Iron, Format::PythonFernet),
    (Format::PythonFernet, Format::Iron),
    (Format::Iron, Format::RustGcm),
];

/// How many cookies the work in this process is measured on.
const SAMPLE: usize = 20_000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let Some(program) = arguments.next() else {
        eprintln!("usage: convert SEALKIT [COOKIES]");
        std::process::exit(2);
    };
    let cookies: usize =
        arguments.next().map_or(1_000_000, |count| count.parse().expect("a number of cookies"));
    let folder = std::env::temp_dir().join(format!("sealkit-convert-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder for the cookies");
    let passwords = Passwords::new(&folder);
    for (from, to) in WAYS {
        let input = folder.join("in");
        make(&input, from, cookies, &passwords.ring);
        let alone = alone(&input, from, to, &passwords.ring);
        let before = children_cpu();
        let begun = Instant::now();
        let output = passwords.command(&program, from, to, &folder).output().expect("the program runs");
        let (wall, cpu) = (begun.elapsed(), children_cpu() - before);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(lines(&folder.join("out")), cookies, "every cookie is there");
        let each = |time: Duration| time.as_nanos() as f64 / cookies as f64;
        println!(
            "{}",
            serde_json::json!({
                "peer": "sealkit", "version": env!("CARGO_PKG_VERSION"), "op": "convert", "format": format!("{from} to {to}"),
                "cookies": cookies, "wall_s": wall.as_secs_f64(), "cpu_s": cpu.as_secs_f64(),
                "cores_busy": cpu.as_secs_f64() / wall.as_secs_f64(), "wall_ns": each(wall), "cpu_ns": each(cpu),
                "alone_ns": alone, "cpu_over_alone": each(cpu) / alone,
            })
        );
        fs::remove_file(folder.join("out")).expect("the output can be removed");
    }
    fs::remove_dir_all(&folder).expect("the folder can be removed");
}

/// A password of each shape that is needed, in files for the program and in a ring for us.
struct Passwords {
    ring: KeyRing,
    files: Vec<PathBuf>,
}

impl Passwords {
    fn new(folder: &Path) -> Self {
        let shapes = [("base64", KeyShape::FernetKey), ("hex", KeyShape::Hex64)];
        let mut ring = KeyRing::builder();
        let mut files = Vec::new();
        for (name, shape) in shapes {
            let password: CookiePassword = shape.generate(&SystemRandom).expect("random bytes");
            let file = folder.join(name);
            fs::write(&file, password.expose_secret()).expect("the file can be written");
            ring = ring.password(name, password);
            files.push(file);
        }
        Self { ring: ring.build().expect("a ring"), files }
    }

    fn command(&self, program: &str, from: Format, to: Format, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.args(["convert", "--from", from.id(), "--to", to.id(), "--in"]).arg(folder.join("in"));
        command.arg("--out").arg(folder.join("out")).env_remove("WORKOS_COOKIE_PASSWORD");
        for file in &self.files {
            command.arg("--password-file").arg(file);
        }
        command
    }
}

fn reader(ring: &KeyRing, write: Format) -> SessionReader {
    SessionReader::new(ring.clone(), TokenPolicy::new(IssuerPolicy::Any))
        .with_encoding(EncodingPolicy::writing(write).with_read(FormatSet::all()))
}

/// A session of the usual size: a token of 1.2 KB and a user of half a kilobyte.
fn payload(number: usize, format: Format) -> String {
    let session = serde_json::json!({
        "organizationId": "org_01JGFANALYT1CALENG1NES0000",
        "user": {
            "object": "user", "id": format!("user_{number:026}"), "email": "ada@example.com", "emailVerified": true,
            "name": "Ada Lovelace", "firstName": "Ada", "profilePictureUrl": "https://images.example.com/ada.png", "lastName": "Lovelace",
            "lastSignInAt": "2026-11-01T12:34:56.789Z", "locale": "en-GB", "createdAt": "2024-01-01T00:00:00.000Z",
            "updatedAt": "2026-06-01T12:34:56.789Z", "externalId": "customer-1815", "metadata": {"plan": "founder"},
        },
        "accessToken": format!("eyJhbGciOiJSUzI1NiJ9.{}.{}", "x".repeat(840), "y".repeat(342)),
        "refreshToken": "refresh_token_0123456789",
    });
    let camel = sealkit::UnsealedSession::parse_as(session.to_string().into_bytes(), Format::Iron)
        .expect("a session");
    payload_in(&camel, format).payload.to_string()
}

fn make(path: &Path, format: Format, cookies: usize, ring: &KeyRing) {
    let reader = reader(ring, format);
    let mut file = BufWriter::new(fs::File::create(path).expect("the input can be written"));
    let payload = payload(1, format);
    for _ in 0..cookies {
        let sealed = reader.seal(&payload, SystemClock.now(), &SystemRandom).expect("a seal");
        writeln!(file, "{}", sealed.expose_secret()).expect("the input can be written");
    }
    file.flush().expect("the input can be written");
}

/// Nanoseconds for one cookie in this thread, without reading and writing.
fn alone(path: &Path, from: Format, to: Format, ring: &KeyRing) -> f64 {
    let reader = reader(ring, to);
    let file = std::io::BufReader::new(fs::File::open(path).expect("the input"));
    let sample: Vec<String> = file.lines().take(SAMPLE).map(|line| line.expect("a line")).collect();
    let begun = Instant::now();
    for value in &sample {
        let (unsealed, seal) = reader.unseal(value, SystemClock.now()).expect("it opens");
        assert_eq!(seal.format, from);
        let payload = payload_in(&unsealed, to).payload;
        std::hint::black_box(reader.seal(&payload, SystemClock.now(), &SystemRandom).expect("a seal"));
    }
    begun.elapsed().as_nanos() as f64 / sample.len() as f64
}

fn lines(path: &Path) -> usize {
    let mut file = std::io::BufReader::with_capacity(1 << 20, fs::File::open(path).expect("the output"));
    let mut count = 0;
    loop {
        let buffer = file.fill_buf().expect("the output can be read");
        if buffer.is_empty() {
            return count;
        }
        count += buffer.iter().filter(|byte| **byte == b'\n').count();
        let length = buffer.len();
        file.consume(length);
    }
}

/// CPU time of the children that have ended, as the kernel counts it (hundredths of a second).
fn children_cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 = [13, 14].iter().filter_map(|at| fields.get(*at)?.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}
