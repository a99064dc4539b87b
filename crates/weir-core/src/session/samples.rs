//! The texts that clients sent last, to hold their next ones against.

use weir_wire::sql::Sample;

use crate::session::statements::Look;

/// Places for samples; a power of two that a [`Hint`] can number.
const PLACES: usize = 256;

/// Most other texts of its place that a sample that fits now and then outlives.
const STAYING: u8 = 16;

/// Where the sample of a client's last text is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Hint(u8);

/// One sample for each of a few templates.
#[derive(Debug)]
pub(super) struct Samples(Box<[Option<Box<Sampled>>]>);

#[derive(Debug)]
struct Sampled {
    /// None when there can be none; that is remembered, too.
    sample: Option<Sample>,
    look: Look,
    /// Goes up with each use and down with each other text, which has the place at zero: two
    /// texts that take turns do not make a sample each time.
    worth: u8,
}

impl Samples {
    pub(super) fn new() -> Self {
        Self((0..PLACES).map(|_| None).collect())
    }

    /// What `text` means, if it is like the client's last one; it holds no zero byte then.
    #[inline]
    pub(super) fn look(&mut self, text: &[u8], hint: Hint) -> Option<Look> {
        let known = self.0[usize::from(hint.0)].as_deref_mut()?;
        let fits = known.sample.as_ref().is_some_and(|sample| sample.fits(text));
        fits.then(|| known.used())
    }

    /// Keeps a sample of `text`, or finds the one there is. Returns where the client finds it.
    pub(super) fn keep(&mut self, text: &[u8], look: Look) -> Hint {
        let [hint, ..] = look.template.to_be_bytes();
        let place = &mut self.0[usize::from(hint)];
        match place {
            Some(known) if known.look.template == look.template => {
                known.used();
            }
            Some(known) if known.worth > 0 => known.worth -= 1,
            Some(_) | None => {
                *place = Some(Box::new(Sampled { sample: Sample::new(text), look, worth: 1 }));
            }
        }
        Hint(hint)
    }
}

impl Sampled {
    fn used(&mut self) -> Look {
        self.worth = self.worth.saturating_add(1).min(STAYING);
        self.look
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::statements::Statements;

    #[test]
    fn texts_that_take_turns_do_not_drive_each_other_out() {
        let mut all = Statements::new(7, 8);
        let mut look = |text: &str| {
            // One place for all of them.
            let Look { facts, template } = all.look(text.as_bytes());
            Look { facts, template: template & (u64::MAX >> 8) }
        };
        let (one, two) = (look("select 1"), look("select 'a'"));
        let mut samples = Samples::new();
        let hint = samples.keep(b"select 1", one);
        assert_eq!(samples.look(b"select 22", hint), Some(one));
        for _ in 0..100 {
            assert_eq!(samples.look(b"select 3", hint), Some(one));
            assert_eq!(samples.look(b"select 'b'", hint), None);
            samples.keep(b"select 'b'", two);
        }
        for _ in 0..=STAYING {
            samples.keep(b"select 'b'", two);
        }
        assert_eq!(samples.look(b"select 3", hint), None, "nobody used it any more");
        assert_eq!(samples.look(b"select 'c'", hint), Some(two));
    }
}
