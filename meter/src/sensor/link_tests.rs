#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

fn serial(baud: u32, parity: Parity, stop_bits: u8) -> Link {
    Link::Rtu { device: "/dev/ttyUSB0".into(), baud, parity, stop_bits }
}

#[test]
fn bytes_take_their_time_on_a_slow_line() {
    // 60 registers at 2400 8N1: longer than the 300 ms that a meter has for its first byte.
    assert_eq!(serial(2400, Parity::None, 1).transmit_time(125).as_millis(), 520);
    assert_eq!(serial(2400, Parity::Even, 2).transmit_time(240).as_millis(), 1200);
    assert_eq!(serial(115_200, Parity::None, 1).frame_gap(), GAP_MIN);
    assert_eq!(Link::Tcp { address: "a:1".into() }.transmit_time(1000), Duration::ZERO);
}

#[test]
fn links_out_of_range_are_refused() {
    let tcp = |address: &str| Link::Tcp { address: address.into() }.out_of_range();
    assert_eq!(tcp("meter.local:502"), None);
    assert_eq!(tcp("[fe80::1]:502"), None);
    for address in ["", ":502", "meter.local", "meter.local:", "meter.local:66000"] {
        assert_eq!(tcp(address), Some("address"), "{address}");
    }
    assert_eq!(serial(9600, Parity::Odd, 2).out_of_range(), None);
    assert_eq!(serial(9600, Parity::Odd, 0).out_of_range(), Some("stop_bits"));
    assert_eq!(serial(0, Parity::Odd, 1).out_of_range(), Some("baud"));
    let timing = Timing { tries: 0, ..Timing::default() };
    assert_eq!(timing.out_of_range(), Some("tries"));
    assert_eq!(Timing::default().out_of_range(), None);
}

#[test]
fn links_are_written_as_they_are_read() {
    for (text, shown) in [
        ("kind = \"tcp\"\naddress = \"10.0.0.9:502\"\n", "10.0.0.9:502"),
        ("kind = \"rtu_over_tcp\"\naddress = \"10.0.0.9:4196\"\n", "10.0.0.9:4196 (RTU)"),
        (
            "kind = \"rtu\"\ndevice = \"/dev/ttyUSB0\"\nbaud = 2400\nparity = \"even\"\nstop_bits = 1\n",
            "/dev/ttyUSB0 (2400 8E1)",
        ),
    ] {
        let link: Link = toml::from_str(text).unwrap();
        assert_eq!((toml::to_string(&link).unwrap().as_str(), link.to_string().as_str()), (text, shown));
    }
    assert_eq!(
        toml::from_str::<Link>("kind = \"rtu\"\ndevice = \"/dev/ttyUSB0\"").unwrap(),
        serial(9600, Parity::None, 1)
    );
    assert!(toml::from_str::<Link>("kind = \"tcp\"\naddress = \"a:1\"\nbaud = 9600").is_err());
}
