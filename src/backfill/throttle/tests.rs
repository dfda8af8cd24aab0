use super::*;

#[test]
fn placeholder_compiles() {
    let mut throttle = Throttle::new(Limits::default());
    assert_eq!(throttle.look(&Reading::default(), Duration::ZERO), []);
}
