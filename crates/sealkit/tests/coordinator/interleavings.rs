//! Every order of a few actions: two or three callers who come, look and go away, a provider, a sign-out, time, a shutdown.
//!
//! Callers are futures polled by hand and grants are tasks that run only when told to, so that each action happens exactly where
//! the order puts it: between a claim and its grant, between the provider's answer and its publication, between the publication
//! and a caller who has not looked yet.

use crate::house::{Answer, House};
use std::{fmt::Debug, rc::Rc};
use tokio::runtime::{Builder, Runtime};

/// An action. The number is the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Start(usize),
    Poll(usize),
    Cancel(usize),
    Run,
    Answer,
    SignOut,
    Pass,
    Drain,
    Retire,
}

use Step::{Cancel, Drain, Pass, Poll, Retire, Run, SignOut, Start};

/// What the provider does, and the tasks with it.
const PROVIDER: [Step; 3] = [Run, Step::Answer, Run];

fn act(house: &mut House, step: Step) {
    match step {
        Start(caller) => house.start(caller),
        Poll(caller) => house.poll(caller),
        Cancel(caller) => house.cancel(caller),
        Run => house.run(),
        Step::Answer => {
            house.answer();
        }
        SignOut => house.sign_out(),
        Pass => house.pass(),
        Drain => house.drain(),
        Retire => house.retire(),
    }
    house.check();
}

/// Calls `each` with every merge of these sequences that keeps the order within each of them. How many there were.
fn merges(sequences: &[&[Step]], each: &mut impl FnMut(&[Step])) -> usize {
    fn go(left: &mut [&[Step]], order: &mut Vec<Step>, each: &mut impl FnMut(&[Step])) -> usize {
        let mut count = 0;
        for at in 0..left.len() {
            if let [first, rest @ ..] = left[at] {
                let before = std::mem::replace(&mut left[at], rest);
                order.push(*first);
                count += go(left, order, each);
                order.pop();
                left[at] = before;
            }
        }
        if left.iter().all(|left| left.is_empty()) {
            each(order);
            return 1;
        }
        count
    }
    go(&mut sequences.to_vec(), &mut Vec::new(), each)
}

/// Says which order it was when one goes wrong.
struct Case<'a, T: Debug>(&'a [Step], T);

impl<T: Debug> Drop for Case<'_, T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            #[expect(clippy::print_stderr, reason = "whoever reads the failure needs the order")]
            {
                eprintln!("in this order: {:?}, with {:?}", self.0, self.1);
            }
        }
    }
}

fn runtime() -> Rc<Runtime> {
    Rc::new(Builder::new_current_thread().enable_time().start_paused(true).build().unwrap())
}

/// Runs every merge, all in one runtime.
fn explore(sequences: &[&[Step]], organizations: &[Option<&str>], answers: &[Answer]) -> usize {
    let runtime = runtime();
    merges(sequences, &mut |order| {
        let _case = Case(order, (organizations, answers));
        let mut house = House::new(Rc::clone(&runtime), organizations, answers);
        for step in order {
            act(&mut house, *step);
        }
        house.finish();
    })
}

const ORGANIZATIONS: [[Option<&str>; 2]; 2] = [[None, None], [None, Some("org_1")]];

#[test]
fn whatever_two_callers_and_the_provider_do_a_token_is_spent_once() {
    let (stay, go) =
        ([[Start(0), Poll(0)], [Start(1), Poll(1)]], [[Start(0), Cancel(0)], [Start(1), Poll(1)]]);
    let mut count = 0;
    for answer in Answer::ALL {
        for organizations in ORGANIZATIONS {
            for (callers, besides) in
                [(&stay, &[][..]), (&stay, &[SignOut]), (&stay, &[Pass]), (&go, &[SignOut])]
            {
                let sequences: &[&[Step]] = &[&callers[0], &callers[1], &PROVIDER, besides];
                count += explore(sequences, &organizations, &[answer]);
            }
        }
    }
    println!("{count} orders of two callers");
    assert_eq!(count, 7 * 2 * (210 + 3 * 1680));
}

#[test]
fn whenever_three_callers_meet_a_sign_out_it_wins() {
    let sequences: &[&[Step]] =
        &[&[Start(0), Poll(0)], &[Start(1), Cancel(1)], &[Start(2)], &PROVIDER, &[SignOut]];
    let count = explore(sequences, &[None, Some("org_1"), None], &[]);
    println!("{count} orders of three callers and a sign-out");
    assert_eq!(count, 15_120);
}

#[test]
fn a_second_grant_meets_everything_that_the_first_does() {
    // The first answer leaves nothing behind, so somebody begins again.
    let twice = [Run, Step::Answer, Run, Step::Answer, Run];
    let mut count = 0;
    for (first, besides) in
        [(Answer::Unavailable, SignOut), (Answer::Panic, Pass), (Answer::OrganizationRefused, SignOut)]
    {
        let sequences: &[&[Step]] = &[&[Start(0), Poll(0)], &[Start(1), Poll(1)], &twice, &[besides]];
        count += explore(sequences, &[Some("org_1"), Some("org_2")], &[first]);
    }
    println!("{count} orders of two grants");
    assert_eq!(count, 3 * 7560);
}

#[test]
fn time_and_a_sign_out_together_bring_nothing_back() {
    let sequences: &[&[Step]] = &[&[Start(0), Poll(0)], &[Start(1), Poll(1)], &PROVIDER, &[SignOut], &[Pass]];
    let count = explore(sequences, &[None, None], &[]);
    println!("{count} orders of time and a sign-out");
    assert_eq!(count, 15_120);
}

#[test]
fn a_drain_ends_when_nothing_is_under_way_and_not_before() {
    let mut count = 0;
    for (answer, end) in [(Answer::Accepted, Poll(0)), (Answer::Panic, Cancel(0))] {
        let sequences: &[&[Step]] = &[&[Start(0), end], &[Start(1), Poll(1)], &PROVIDER, &[Drain, Drain]];
        count += explore(sequences, &[None, None], &[answer]);
    }
    println!("{count} orders of a drain");
    assert_eq!(count, 2 * 7560);
}

#[test]
fn a_runtime_that_goes_leaves_nobody_waiting() {
    let mut count = 0;
    for answer in [Answer::Accepted, Answer::Revoked, Answer::Unavailable] {
        for end in [Poll(0), Cancel(0)] {
            let callers = [[Start(0), end], [Start(1), Poll(1)]];
            let sequences: &[&[Step]] = &[&callers[0], &callers[1], &PROVIDER, &[Retire]];
            count += merges(sequences, &mut |order| {
                let _case = Case(order, answer);
                let mut house = House::new(runtime(), &[None, Some("org_1")], &[answer]);
                for step in order {
                    act(&mut house, *step);
                }
                house.finish();
            });
        }
    }
    println!("{count} orders in which the runtime goes");
    assert_eq!(count, 3 * 2 * 1680);
}
