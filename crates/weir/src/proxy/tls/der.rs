//! Just enough DER (X.690) to find two fields of a certificate.
//!
//! Only certificates that rustls has parsed already come here; still every length is checked.

/// Tag of an object identifier.
pub(super) const OID: u8 = 0x06;
/// Tag of a sequence.
pub(super) const SEQUENCE: u8 = 0x30;
/// Tag of a set.
pub(super) const SET: u8 = 0x31;
/// Tag of `[0] EXPLICIT`: a certificate's version, or the hash of RSASSA-PSS.
pub(super) const EXPLICIT_0: u8 = 0xa0;

/// A cursor over the elements of one DER value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Der<'a> {
    rest: &'a [u8],
}

/// One element: its tag and its content.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element<'a> {
    /// The identifier byte.
    pub(super) tag: u8,
    /// What the length covers.
    pub(super) content: &'a [u8],
}

impl<'a> Der<'a> {
    /// Starts at the first element of `bytes`.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Takes the next element when it has this tag and opens it.
    pub(super) fn open(&mut self, tag: u8) -> Option<Self> {
        Some(Self::new(self.content(tag)?))
    }

    /// Takes the next element's content when it has this tag; otherwise takes nothing.
    pub(super) fn content(&mut self, tag: u8) -> Option<&'a [u8]> {
        let before = *self;
        match self.next() {
            Some(element) if element.tag == tag => Some(element.content),
            Some(_) | None => {
                *self = before;
                None
            }
        }
    }
}

impl<'a> Iterator for Der<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        let (&[tag, first], mut rest) = self.rest.split_first_chunk()?;
        let mut length = usize::from(first);
        if first >= 0x80 {
            // The long form: the low bits say how many bytes hold the length; more than three
            // would be a certificate of 16 MiB.
            let count = usize::from(first & 0x7f);
            let (bytes, tail) = rest.split_at_checked(count).filter(|_| count <= 3)?;
            length = bytes.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte));
            rest = tail;
        }
        let (content, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some(Element { tag, content })
    }
}
