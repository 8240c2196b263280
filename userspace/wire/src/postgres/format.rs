//! Format codes: how a value is written. 55.1.3 "Formats and Format Codes".

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// As the type's output function writes it: code 0.
    Text,
    /// As the type's send function writes it: code 1.
    Binary,
}

impl Format {
    pub(crate) fn from_code(code: i16) -> Option<Self> {
        match code {
            0 => Some(Self::Text),
            1 => Some(Self::Binary),
            _ => None,
        }
    }

    pub(crate) fn code(self) -> i16 {
        match self {
            Self::Text => 0,
            Self::Binary => 1,
        }
    }
}

/// The formats of several values, in the shorthand of Bind and FunctionCall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Formats {
    /// No code given: all text.
    None,
    /// One code for all.
    All(Format),
    /// A code for each; two or more (one alone reads as [`Formats::All`]).
    Each(Vec<Format>),
}

impl Formats {
    /// The format of the value at this place, counted from 0.
    ///
    /// Past the end of [`Formats::Each`] it is [`Format::Text`], which no value comes to: the
    /// server refuses a Bind whose codes are neither none, one, nor as many as the values.
    #[must_use]
    pub fn format(&self, column: usize) -> Format {
        match self {
            Self::None => Format::Text,
            Self::All(format) => *format,
            Self::Each(formats) => formats.get(column).copied().unwrap_or(Format::Text),
        }
    }

    /// Whether so many values can be written by these codes.
    #[must_use]
    pub fn fits(&self, values: usize) -> bool {
        match self {
            Self::None | Self::All(_) => true,
            Self::Each(formats) => formats.len() == values,
        }
    }

    pub(crate) fn from_list(list: Vec<Format>) -> Self {
        match list.as_slice() {
            [] => Self::None,
            [format] => Self::All(*format),
            _ => Self::Each(list),
        }
    }

    pub(crate) fn as_list(&self) -> &[Format] {
        match self {
            Self::None => &[],
            Self::All(format) => std::slice::from_ref(format),
            Self::Each(formats) => formats,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Format, Formats};

    #[test]
    fn none_is_text_one_is_for_all_and_each_is_by_place() {
        assert_eq!(Formats::None.format(7), Format::Text);
        assert_eq!(Formats::All(Format::Binary).format(7), Format::Binary);
        let each = Formats::Each(vec![Format::Text, Format::Binary]);
        assert_eq!(
            [0, 1, 2].map(|n| each.format(n)),
            [Format::Text, Format::Binary, Format::Text]
        );
    }

    #[test]
    fn only_as_many_codes_as_values_fit() {
        let each = Formats::Each(vec![Format::Text, Format::Binary]);
        assert!(each.fits(2) && !each.fits(1) && !each.fits(3));
        assert!(Formats::None.fits(0) && Formats::All(Format::Text).fits(9));
    }
}
