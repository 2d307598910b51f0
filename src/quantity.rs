//! Temporary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity(i128);
impl Quantity {
    pub fn is_negative(&self) -> bool {
        self.0 < 0
    }
}
impl std::ops::Add for Quantity {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        Self(self.0 + o.0)
    }
}
pub fn parse(s: &str) -> Result<Quantity, ()> {
    let i = s.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-')).unwrap_or(s.len());
    let n: f64 = s[..i].parse().map_err(|_| ())?;
    let m = match &s[i..] {
        "m" => 1e-3,
        "" => 1.0,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "Ki" => 1024.0,
        "Mi" => 1048576.0,
        "Gi" => 1073741824.0,
        _ => return Err(()),
    };
    Ok(Quantity((n * m * 1e9) as i128))
}
