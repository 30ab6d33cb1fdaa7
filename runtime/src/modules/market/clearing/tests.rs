#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::modules::energy::prices::{cost, cost_at_most, cost_of_next};
use ClearingRule::{PayAsBid, Uniform};

/// xorshift64*: repeatable, and no dependency.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % sides
    }
}

/// How large random books are.
#[derive(Clone, Copy)]
struct Size {
    orders: u64,
    accounts: u64,
    price: u64,
    wh: u64,
}

fn random_book(dice: &mut Dice, size: Size) -> Vec<Entry> {
    let account = |n: u64| Address([n as u8 + 1; 32]);
    (0..dice.roll(size.orders + 1))
        .map(|index| {
            let mine = dice.roll(size.accounts);
            let theirs = (mine + 1 + dice.roll(size.accounts - 1)) % size.accounts;
            let mut id = Hash([dice.roll(256) as u8; 32]);
            id.0[31] = index as u8;
            Entry {
                id,
                index: (index / 2) as u32, // equal numbers do not happen, but the id must decide if they did
                account: account(mine),
                side: if dice.roll(2) == 0 { Side::Buy } else { Side::Sell },
                price: Amount(u128::from(dice.roll(size.price))),
                wh: WattHours(dice.roll(size.wh) + 1),
                partner: (dice.roll(3) == 0).then(|| account(theirs)),
            }
        })
        .collect()
}

/// Energy that each pair trades.
pub(crate) type Pairs = BTreeMap<(usize, usize), u64>;

fn pairs(trades: &[Trade]) -> Pairs {
    let mut pairs = Pairs::new();
    trades.iter().for_each(|trade| *pairs.entry((trade.bid, trade.offer)).or_default() += trade.wh.0);
    pairs
}

/// The rule as it is told, one watt-hour at a time and by searching through everything: slow and obvious.
pub(crate) fn oracle(rule: ClearingRule, book: &[Entry]) -> (Option<Amount>, Pairs) {
    let better = |a: usize, b: usize| {
        let (one, other) = (&book[a], &book[b]);
        let by_price = match one.side {
            Side::Buy => other.price.cmp(&one.price),
            Side::Sell => one.price.cmp(&other.price),
        };
        by_price.then(one.index.cmp(&other.index)).then(one.id.cmp(&other.id)).is_lt()
    };
    let best = |of: Vec<usize>| of.into_iter().reduce(|a, b| if better(b, a) { b } else { a });
    let mut limit = None;
    if rule == Uniform {
        let units = |side| {
            let mut units: Vec<u128> = book
                .iter()
                .filter(|order| order.side == side)
                .flat_map(|order| (0..order.wh.0).map(|_| order.price.0))
                .collect();
            units.sort_unstable();
            units
        };
        let (mut demand, supply) = (units(Side::Buy), units(Side::Sell));
        demand.reverse();
        let met = demand.iter().zip(&supply).take_while(|(bid, offer)| bid >= offer).count();
        if met == 0 {
            return (None, Pairs::new());
        }
        limit = Some(demand[met - 1]);
    }
    let may = |at: usize| match book[at].side {
        Side::Buy => limit.is_none_or(|price| book[at].price.0 >= price),
        Side::Sell => limit.is_none_or(|price| book[at].price.0 <= price),
    };
    let mut left: Vec<u64> = book.iter().map(|order| order.wh.0).collect();
    let mut traded = Pairs::new();
    for pass in 1..=4 {
        let chooses = if pass == 3 { Side::Sell } else { Side::Buy };
        loop {
            let makers = |left: &[u64], taker: usize| {
                let fits = |maker: usize| {
                    let (a, b) = (&book[taker], &book[maker]);
                    let crosses = if a.side == Side::Buy { a.price >= b.price } else { b.price >= a.price };
                    let named = a.partner == Some(b.account);
                    let wanted = match pass {
                        1 => named && b.partner == Some(a.account),
                        2 | 3 => named,
                        _ => true,
                    };
                    a.side != b.side
                        && a.account != b.account
                        && crosses
                        && wanted
                        && may(maker)
                        && left[maker] > 0
                };
                (0..book.len()).filter(|maker| fits(*maker)).collect::<Vec<_>>()
            };
            let can = |at: &usize| {
                book[*at].side == chooses && may(*at) && left[*at] > 0 && !makers(&left, *at).is_empty()
            };
            let Some(taker) = best((0..book.len()).filter(can).collect()) else { break };
            let maker = best(makers(&left, taker)).unwrap();
            let pair = if chooses == Side::Buy { (taker, maker) } else { (maker, taker) };
            *traded.entry(pair).or_default() += 1;
            left[taker] -= 1;
            left[maker] -= 1;
        }
    }
    (limit.filter(|_| !traded.is_empty()).map(Amount), traded)
}

#[test]
fn small_books_are_cleared_as_the_oracle_says() {
    let mut dice = Dice(0x5eed);
    let mut trades = 0;
    for round in 0..40_000 {
        let size = Size { orders: 9, accounts: 2 + round % 3, price: 1 + round % 7, wh: 4 };
        let book = random_book(&mut dice, size);
        for rule in [PayAsBid, Uniform] {
            let got = clear(rule, &book);
            assert_eq!((got.price, pairs(&got.trades)), oracle(rule, &book), "{rule:?} of {book:#?}");
            trades += got.trades.len();
        }
    }
    assert!(trades > 80_000, "only {trades} trades");
}

/// Every promise that a book's owner relies on.
fn check_promises(rule: ClearingRule, book: &[Entry], cleared: &Cleared) {
    let mut filled = vec![0u64; book.len()];
    let mut amount = vec![0u128; book.len()];
    let mut parts = vec![0u128; book.len()];
    for Trade { bid, offer, wh, price } in cleared.trades.iter().copied() {
        let (buying, selling) = (&book[bid], &book[offer]);
        assert_eq!((buying.side, selling.side), (Side::Buy, Side::Sell));
        assert_ne!(buying.account, selling.account, "self-trade");
        assert!(wh.0 > 0 && price <= buying.price && price >= selling.price);
        match rule {
            Uniform => assert_eq!(Some(price), cleared.price),
            _ => assert_eq!((price, cleared.price), (buying.price, None)),
        }
        let paid = cost_of_next(price, WattHours(filled[bid]), wh);
        assert!(paid >= cost(price, wh) && paid <= cost_at_most(price, wh));
        for at in [bid, offer] {
            filled[at] += wh.0;
            amount[at] += paid.0;
            parts[at] += 1;
        }
    }
    let sum = |side, of: &[u128]| -> u128 {
        (0..book.len()).filter(|at| book[*at].side == side).map(|at| of[at]).sum()
    };
    let energy: Vec<u128> = filled.iter().map(|wh| u128::from(*wh)).collect();
    assert_eq!(sum(Side::Buy, &energy), sum(Side::Sell, &energy), "bought = sold");
    assert_eq!(sum(Side::Buy, &amount), sum(Side::Sell, &amount), "paid = received");
    for (at, order) in book.iter().enumerate() {
        assert!(filled[at] <= order.wh.0);
        let price = cleared.price.unwrap_or(order.price);
        match order.side {
            Side::Buy => {
                assert_eq!(amount[at], cost(price, WattHours(filled[at])).0, "the parts sum up to the whole");
                assert!(amount[at] <= cost_at_most(order.price, order.wh).0, "the hold covers it");
            }
            // Less than one base unit is lost to rounding in each trade.
            Side::Sell => assert!((amount[at] + parts[at]) * 1000 >= order.price.0 * u128::from(filled[at])),
        }
    }
    let may = |at: &usize| match (cleared.price, book[*at].side) {
        _ if filled[*at] == book[*at].wh.0 => false,
        (None, _) => rule == PayAsBid, // without a price no uniform market has taken place
        (Some(price), Side::Buy) => book[*at].price >= price,
        (Some(price), Side::Sell) => book[*at].price <= price,
    };
    let left: Vec<&Entry> = (0..book.len()).filter(may).map(|at| &book[at]).collect();
    for bid in left.iter().filter(|order| order.side == Side::Buy) {
        for offer in left.iter().filter(|order| order.side == Side::Sell) {
            assert!(
                bid.account == offer.account || bid.price < offer.price,
                "{bid:?} and {offer:?} are left"
            );
        }
    }
}

#[test]
fn random_books_keep_every_promise() {
    let mut dice = Dice(0x0b00);
    let (mut trades, mut uniform) = (0, 0);
    for round in 0..100_000u64 {
        let (price, wh) =
            ([3, 20, 400_000][round as usize % 3], [5, 3_000, 1_000_000_000][round as usize / 3 % 3]);
        let size = Size { orders: 24, accounts: 2 + round % 6, price, wh };
        let book = random_book(&mut dice, size);
        for rule in [PayAsBid, Uniform] {
            let cleared = clear(rule, &book);
            check_promises(rule, &book, &cleared);
            trades += cleared.trades.len();
            uniform += usize::from(cleared.price.is_some());
        }
    }
    assert!(trades > 500_000 && uniform > 50_000, "{trades} trades, {uniform} uniform prices");
}

#[test]
fn the_order_of_entries_does_not_count() {
    let mut dice = Dice(77);
    let size = Size { orders: 24, accounts: 4, price: 5, wh: 9 };
    for _ in 0..2_000 {
        let mut book = random_book(&mut dice, size);
        let named = |book: &[Entry], cleared: Cleared| -> Vec<(Hash, Hash, WattHours, Amount)> {
            let name = |t: Trade| (book[t.bid].id, book[t.offer].id, t.wh, t.price);
            cleared.trades.into_iter().map(name).collect()
        };
        for rule in [PayAsBid, Uniform] {
            let before = named(&book, clear(rule, &book));
            for at in (1..book.len()).rev() {
                book.swap(at, dice.roll(at as u64 + 1) as usize);
            }
            assert_eq!(named(&book, clear(rule, &book)), before);
        }
    }
}

#[test]
fn rules_without_a_market_have_no_trades_and_the_largest_values_fit() {
    let order = |side, n: u8| Entry {
        id: Hash([n; 32]),
        index: u32::from(n),
        account: Address([n; 32]),
        side,
        price: wattle_primitives::call::energy::PRICE_MAX,
        wh: WattHours(u64::MAX / 4),
        partner: None,
    };
    let book = [order(Side::Buy, 1), order(Side::Sell, 2), order(Side::Buy, 3), order(Side::Sell, 4)];
    for rule in [ClearingRule::Tariff, ClearingRule::MidMarket] {
        assert_eq!(clear(rule, &book), Cleared::default());
    }
    for rule in [PayAsBid, Uniform] {
        let cleared = clear(rule, &book);
        assert_eq!(cleared.trades.len(), 2);
        check_promises(rule, &book, &cleared);
        assert_eq!(clear(rule, &[]), Cleared::default());
        assert_eq!(clear(rule, &book[..1]), Cleared::default());
    }
}

/// One worked example of the page: its orders, and what must come of them.
#[derive(Default)]
struct Example<'a> {
    rule: Option<ClearingRule>,
    names: Vec<&'a str>,
    book: Vec<Entry>,
    fee: Amount,
    want: Vec<Vec<&'a str>>,
}

impl<'a> Example<'a> {
    fn line(&mut self, line: &'a str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |at: usize| words[at].replace(',', "").parse::<u64>().unwrap();
        match words[0] {
            "fee" => self.fee = Amount(u128::from(number(1))),
            side @ ("bid" | "offer") => {
                let person = |name: &str| Address([name.as_bytes()[0]; 32]);
                self.names.push(words[1]);
                let index = self.book.len() as u32;
                self.book.push(Entry {
                    id: Hash([index as u8; 32]),
                    index,
                    account: person(words[2]),
                    side: if side == "bid" { Side::Buy } else { Side::Sell },
                    price: Amount(u128::from(number(3))),
                    wh: WattHours(number(4)),
                    partner: words.get(5).map(|name| person(name)),
                });
            }
            _ => self.want.push(words),
        }
    }

    fn check(&self) {
        let cleared = clear(self.rule.unwrap(), &self.book);
        check_promises(self.rule.unwrap(), &self.book, &cleared);
        let mut got: Vec<Vec<String>> = Vec::new();
        got.extend(cleared.price.map(|price| vec!["price".to_owned(), price.to_string()]));
        let mut filled = vec![WattHours::ZERO; self.book.len()];
        for Trade { bid, offer, wh, price } in cleared.trades {
            let amount = cost_of_next(price, filled[bid], wh);
            let fee = cost_of_next(self.fee, filled[bid], wh);
            filled[bid] = filled[bid].saturating_add(wh);
            let mut row = vec!["trade".to_owned(), self.names[bid].to_owned(), self.names[offer].to_owned()];
            row.extend([u128::from(wh.0), price.0, amount.0, fee.0].map(|n| n.to_string()));
            got.push(row);
        }
        assert_eq!(got, self.want, "the example of {:?}", self.names);
    }
}

#[test]
fn the_worked_examples_of_the_page_are_right() {
    let page = include_str!("../../../../../docs/market.md");
    let (mut open, mut checked) = (None::<Example<'_>>, 0);
    for line in page.lines() {
        match (line, &mut open) {
            ("```market pay-as-bid", None) => {
                open = Some(Example { rule: Some(PayAsBid), ..Example::default() })
            }
            ("```market uniform", None) => open = Some(Example { rule: Some(Uniform), ..Example::default() }),
            ("```", Some(example)) => {
                example.check();
                (open, checked) = (None, checked + 1);
            }
            (line, Some(example)) => example.line(line),
            _ => {}
        }
    }
    assert_eq!(checked, 7, "examples");
}
