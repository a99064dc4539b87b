//! Connections by number, with a generation that tells an old event from a new connection.

/// A vector of places, reused after they are vacated.
#[derive(Debug)]
pub struct Slab<T> {
    places: Vec<Place<T>>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Place<T> {
    generation: u32,
    value: Option<T>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    /// The place that the next [`Self::insert`] will take, and its generation.
    pub fn next(&self) -> (u32, u32) {
        match self.free.last() {
            Some(&at) => (at, self.places[at as usize].generation),
            None => (u32::try_from(self.places.len()).unwrap_or(u32::MAX), 0),
        }
    }

    /// Takes the place that [`Self::next`] named.
    pub fn insert(&mut self, value: T) -> u32 {
        let (at, generation) = self.next();
        if self.free.pop().is_some() {
            self.places[at as usize].value = Some(value);
        } else {
            self.places.push(Place { generation, value: Some(value) });
        }
        at
    }

    /// Puts a value at a place that somebody else numbers.
    pub fn put(&mut self, at: u32, value: T) {
        while self.places.len() <= at as usize {
            self.places.push(Place { generation: 0, value: None });
        }
        self.places[at as usize].value = Some(value);
    }

    /// Vacates a place of [`Self::insert`].
    pub fn remove(&mut self, at: u32) -> Option<T> {
        let value = self.take(at)?;
        self.free.push(at);
        Some(value)
    }

    /// Vacates a place of [`Self::put`].
    pub fn take(&mut self, at: u32) -> Option<T> {
        let place = self.places.get_mut(at as usize)?;
        let value = place.value.take()?;
        place.generation = place.generation.wrapping_add(1);
        Some(value)
    }

    /// The generation of a place.
    #[inline]
    pub fn generation(&self, at: u32) -> u32 {
        self.places.get(at as usize).map_or(0, |place| place.generation)
    }

    /// The value at a place.
    #[inline]
    pub fn get(&self, at: u32) -> Option<&T> {
        self.places.get(at as usize)?.value.as_ref()
    }

    /// The value at a place.
    #[inline]
    pub fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        self.places.get_mut(at as usize)?.value.as_mut()
    }

    /// The value at a place, if it is still of this generation.
    #[inline]
    pub fn current_mut(&mut self, at: u32, generation: u32) -> Option<&mut T> {
        let place = self.places.get_mut(at as usize)?;
        if place.generation == generation { place.value.as_mut() } else { None }
    }

    /// The taken places.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..).zip(&self.places).filter_map(|(at, place)| Some((at, place.value.as_ref()?)))
    }

    /// Taken places, and places kept for more.
    pub fn counts(&self) -> (usize, usize) {
        let taken = self.iter().count();
        (taken, self.places.capacity() - taken)
    }

    /// No place is taken.
    pub fn is_empty(&self) -> bool {
        self.places.iter().all(|place| place.value.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_taken_again_has_another_generation() {
        let mut slab = Slab::default();
        let (expected, before) = slab.next();
        let at = slab.insert('a');
        assert_eq!(at, expected);
        assert_eq!(slab.remove(at), Some('a'));
        assert_eq!(slab.remove(at), None);
        assert_eq!(slab.insert('b'), at);
        assert_ne!(slab.generation(at), before);
        assert_eq!(slab.current_mut(at, before), None);
        assert_eq!(slab.current_mut(at, before + 1), Some(&mut 'b'));
        assert!(!slab.is_empty());
    }
}
