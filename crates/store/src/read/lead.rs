//! What leads to the assets of a search: the shortest of the lists that it names, or what few assets share. Pure.

use std::collections::HashMap;

use vitrine_model::{ListKind, Pubkey, TokenClass, Trait, uri_digest};

use super::lanes::Lane;
use super::search_sql::Driver;
use crate::plan::ListRef;
use crate::search::{Conditions, Filter};

/// A list so short is read before anything else.
const SHORT: i64 = 1_000;

/// A lead to so many assets is followed to its end in time, unless the database is busy: some tens of milliseconds.
const SOON: i64 = 10_000;

/// Among so many assets a search is not counted within [`super::search::BRIEF`]: that would be tried in vain.
const COUNTED_MAX: i64 = 50_000;

/// Stands for a list that nobody ever was in: no list has this id.
const NOWHERE: i64 = -1;

/// A list that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct List {
    pub(super) id: i64,
    pub(super) verified: bool,
    pub(super) total: i64,
}

/// The lists that a filter names, and what there is of each.
#[derive(Debug, Default)]
pub(super) struct Lists {
    names: Vec<ListRef>,
    found: HashMap<ListRef, Vec<List>>,
}

/// One way to the assets of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lead {
    pub(super) driver: Driver,
    /// The driver's lists.
    pub(super) lists: Vec<i64>,
    pub(super) few: Option<Few>,
    /// To how many assets it leads; `i64::MAX` where that is not known.
    pub(super) total: i64,
}

/// A key that few assets share: one of these. Or slots in which few were created.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Few {
    pub(super) json_uri: Option<[u8; 16]>,
    pub(super) asset_signer: Option<Pubkey>,
    pub(super) id: Option<Pubkey>,
    pub(super) created: bool,
}

impl Lists {
    /// The names of a filter's lists; nothing is known of them yet.
    pub(super) fn new(filter: &Filter) -> Self {
        let conditions = &filter.conditions;
        let mut names = filter.not.clone();
        names.extend(filter.not_collections.iter().copied().map(ListRef::of_collection));
        names.extend(single(conditions));
        names.extend(creator(conditions));
        names.extend(conditions.collections.iter().flatten().copied().map(ListRef::of_collection));
        names.extend(traits(conditions));
        names.sort_unstable_by(|a, b| (a.kind, &a.key, &a.value).cmp(&(b.kind, &b.key, &b.value)));
        names.dedup();
        Self { names, found: HashMap::new() }
    }

    pub(super) fn names(&self) -> &[ListRef] {
        &self.names
    }

    /// There is such a list for the name at this place.
    pub(super) fn found(&mut self, place: usize, list: List) {
        self.found.entry(self.names[place].clone()).or_default().push(list);
    }

    /// The lists that assets must stand in none of.
    pub(super) fn not(&self, filter: &Filter) -> Vec<i64> {
        let collections =
            filter.not_collections.iter().flat_map(|id| self.of(&ListRef::of_collection(*id), Some(true)));
        let others = filter.not.iter().flat_map(|name| self.of(name, None));
        others.chain(collections).map(|list| list.id).collect()
    }

    /// The lists that assets must stand in all of; the owner's is not one of them where holdings count too.
    pub(super) fn all_of(&self, conditions: &Conditions, held: bool) -> Option<Vec<i64>> {
        let mut lists: Vec<i64> = single(conditions)
            .into_iter()
            .filter(|name| !(held && name.kind == ListKind::Owner))
            .map(|name| self.of(&name, Some(true)).next().map_or(NOWHERE, |list| list.id))
            .collect();
        lists.sort_unstable();
        (!lists.is_empty()).then_some(lists)
    }

    /// The lists of a creator: assets must stand in one of them.
    pub(super) fn creators(&self, conditions: &Conditions) -> Option<Vec<i64>> {
        creator(conditions)
            .map(|name| self.of(&name, conditions.creator_verified).map(|list| list.id).collect())
    }

    /// The lists of the collections: assets must stand in one of them.
    pub(super) fn collections(&self, conditions: &Conditions) -> Option<Vec<i64>> {
        let one_of = conditions.collections.as_ref()?;
        Some(
            one_of
                .iter()
                .flat_map(|id| self.of(&ListRef::of_collection(*id), Some(true)))
                .map(|list| list.id)
                .collect(),
        )
    }

    /// What there is of a name, only verified or unverified where that is said.
    fn of(&self, name: &ListRef, verified: Option<bool>) -> impl Iterator<Item = List> + use<'_> {
        let found = self.found.get(name).map(Vec::as_slice).unwrap_or_default();
        found.iter().copied().filter(move |list| verified.is_none_or(|verified| list.verified == verified))
    }

    /// For each condition that lists answer, those lists.
    fn conditions(&self, conditions: &Conditions) -> Vec<Vec<List>> {
        let single = single(conditions).into_iter().chain(traits(conditions));
        let mut all: Vec<Vec<List>> = single.map(|name| self.of(&name, Some(true)).collect()).collect();
        all.extend(creator(conditions).map(|name| self.of(&name, conditions.creator_verified).collect()));
        if let Some(one_of) = &conditions.collections {
            all.push(
                one_of.iter().flat_map(|id| self.of(&ListRef::of_collection(*id), Some(true))).collect(),
            );
        }
        all
    }
}

impl Lead {
    fn new(driver: Driver, lists: &[List]) -> Self {
        let total = lists.iter().map(|list| list.total).sum();
        let mut lists: Vec<i64> = lists.iter().map(|list| list.id).collect();
        lists.sort_unstable();
        lists.dedup();
        Self { driver, lists, few: None, total }
    }

    fn far(driver: Driver) -> Self {
        Self { driver, lists: Vec::new(), few: None, total: i64::MAX }
    }

    fn by_lists(lists: &[List]) -> Self {
        Self::new(if lists.len() == 1 { Driver::List } else { Driver::Lists }, lists)
    }
}

/// The ways to a search's assets, the best one first; none where there is nothing to be found. Those created in a range of
/// slots are gathered only if that is of use.
pub(super) fn leads(filter: &Filter, lists: &Lists, gather_created: bool) -> Vec<Lead> {
    let conditions = &filter.conditions;
    // Any of one condition is all of them.
    if filter.negate || filter.any && conditions.asked() > 1 {
        return sifting(filter, lists);
    }
    if filter.holdings.is_some() {
        let names = single(conditions).into_iter().filter(|name| name.kind == ListKind::Owner);
        let owned: Vec<List> = names.flat_map(|name| lists.of(&name, Some(true))).collect();
        return vec![Lead::new(Driver::Held, &owned)];
    }
    let mut named = lists.conditions(conditions);
    if named.iter().any(Vec::is_empty) {
        return Vec::new();
    }
    named.sort_by_key(|lists| lists.iter().map(|list| list.total).sum::<i64>());
    let best = named.first().map_or_else(|| Lead::far(Driver::All), |lists| Lead::by_lists(lists));
    if best.total <= SHORT {
        return vec![best];
    }
    // Several lists have no one range of slots.
    let created = conditions.created.is_some() && gather_created && best.driver != Driver::Lists;
    let (few, of) = match few(conditions) {
        Some(few) => (few, Vec::new()),
        None if created => (Few { created, ..Few::default() }, best.lists.clone()),
        None => return vec![best],
    };
    vec![Lead { few: Some(few), lists: of, total: SHORT, ..Lead::far(Driver::Few) }, best]
}

/// Where one condition is enough, or none may hold: lists lead only where they are all that is asked for.
fn sifting(filter: &Filter, lists: &Lists) -> Vec<Lead> {
    let conditions = &filter.conditions;
    if conditions.is_empty() {
        return Vec::new();
    }
    if !filter.negate && conditions.without_lists().is_empty() {
        let all: Vec<List> = lists.conditions(conditions).into_iter().flatten().collect();
        return if all.is_empty() { Vec::new() } else { vec![Lead::new(Driver::Lists, &all)] };
    }
    vec![Lead::far(Driver::Sift)]
}

/// Whether a search asks for more than leads it: then it may look at any number of assets in vain, and something else to
/// lead it would help. If not, only a busy database keeps it from its page in time.
pub(super) fn is_narrowed(filter: &Filter, leads: &[Lead]) -> bool {
    let by_all = leads.iter().any(|lead| matches!(lead.driver, Driver::All | Driver::Sift));
    // Lists lead where one condition is enough only if there is no other.
    let more = filter.conditions.asked() > 1 && !filter.any;
    // Nothing but the holder leads to what is held, whatever its class.
    let class = filter.classes.len() == 1 && filter.holdings.is_none();
    by_all || more || class || !filter.not.is_empty() || !filter.not_collections.is_empty()
}

/// The turn that a search takes; `None` for one whose leads are all short. What a holder has may be any number of tokens.
pub(super) fn lane(leads: &[Lead], counted: bool) -> Option<Lane> {
    let first = leads.first()?;
    if counted && first.total > COUNTED_MAX {
        return Some(Lane::Long);
    }
    let is_short = |lead: &Lead| lead.total <= SOON && lead.driver != Driver::Held;
    (!leads.iter().all(is_short)).then_some(Lane::Brief)
}

fn few(conditions: &Conditions) -> Option<Few> {
    let few = Few { asset_signer: conditions.asset_signer, ..Few::default() };
    let few = if few == Few::default() { Few { id: conditions.supply_mint, ..few } } else { few };
    let uri = conditions.json_uri.as_deref().map(uri_digest);
    let few = if few == Few::default() { Few { json_uri: uri, ..few } } else { few };
    (few != Few::default()).then_some(few)
}

/// Conditions that one list answers: that of verified members.
fn single(conditions: &Conditions) -> Vec<ListRef> {
    let of = [
        (ListKind::Owner, conditions.owner),
        (ListKind::Authority, conditions.authority),
        (ListKind::Delegate, conditions.delegate),
        (ListKind::Tree, conditions.tree),
        (ListKind::RoyaltyTarget, conditions.royalty_target),
        (ListKind::AgentToken, conditions.agent_token),
    ];
    let addresses = of.into_iter().filter_map(|(kind, address)| Some(ListRef::of(kind, address?)));
    addresses.chain(conditions.group.clone()).collect()
}

fn creator(conditions: &Conditions) -> Option<ListRef> {
    conditions.creator.map(|address| ListRef::of(ListKind::Creator, address))
}

/// Conditions that a column answers, and that a list leads to as well.
fn traits(conditions: &Conditions) -> Vec<ListRef> {
    let interface = conditions.interface.as_deref().map(Trait::Interface);
    let burnt = (conditions.burnt == Some(true)).then_some(Trait::Burnt);
    let agent = (conditions.is_agent == Some(true)).then_some(Trait::Agent);
    let keys = [interface, burnt, agent].into_iter().flatten().filter_map(Trait::list);
    keys.map(|key| ListRef { kind: key.kind, key: key.key, value: key.value }).collect()
}

/// The codes of classes; of all where there are none.
pub(super) fn classes(classes: &[TokenClass]) -> Vec<i16> {
    let all = [TokenClass::Fungible, TokenClass::RegularNft, TokenClass::CompressedNft];
    let classes = if classes.is_empty() { &all } else { classes };
    classes.iter().map(|class| class.code()).collect()
}

#[cfg(test)]
mod tests {
    use vitrine_model::Slot;

    use super::*;
    use crate::search::{Holdings, SlotRange};

    fn key(byte: u8) -> Pubkey {
        Pubkey::from_bytes([byte; 32])
    }

    /// The leads of a filter whose lists have these totals, in the order of their names; a list without one never was.
    fn leads_of(filter: &Filter, totals: &[Option<i64>]) -> Vec<Lead> {
        let mut lists = Lists::new(filter);
        assert_eq!(lists.names().len(), totals.len(), "{:?}", lists.names());
        for (place, total) in totals.iter().enumerate() {
            if let Some(total) = *total {
                let id = i64::try_from(place).expect("a few") + 1;
                lists.found(place, List { id, verified: true, total });
            }
        }
        leads(filter, &lists, true)
    }

    fn all(conditions: Conditions) -> Filter {
        Filter { conditions, ..Filter::default() }
    }

    #[test]
    fn the_shortest_list_leads() {
        let filter = all(Conditions {
            owner: Some(key(1)),
            authority: Some(key(2)),
            collections: Some(vec![key(3), key(4)]),
            ..Conditions::default()
        });
        // In the order of kinds: two groups, the authority, the owner.
        let lead = |driver, lists: &[i64], total| Lead { driver, lists: lists.to_vec(), few: None, total };
        let cases: [([Option<i64>; 4], Vec<Lead>); 4] = [
            ([Some(9), Some(9), Some(7), Some(8)], vec![lead(Driver::List, &[3], 7)]),
            ([Some(3), Some(3), Some(7), Some(8)], vec![lead(Driver::Lists, &[1, 2], 6)]),
            ([Some(3), None, Some(7), Some(8)], vec![lead(Driver::List, &[1], 3)]),
            ([Some(3), Some(3), None, Some(8)], vec![]),
        ];
        for (totals, expected) in cases {
            assert_eq!(leads_of(&filter, &totals), expected, "{totals:?}");
        }
    }

    #[test]
    fn keys_that_few_share_lead_unless_a_list_is_short() {
        let uri = all(Conditions {
            json_uri: Some("https://a".to_owned()),
            owner: Some(key(1)),
            ..Conditions::default()
        });
        let drivers = |filter: &Filter, totals: &[Option<i64>]| {
            leads_of(filter, totals).into_iter().map(|lead| lead.driver).collect::<Vec<_>>()
        };
        assert_eq!(drivers(&uri, &[Some(SHORT)]), [Driver::List]);
        assert_eq!(drivers(&uri, &[Some(SHORT + 1)]), [Driver::Few, Driver::List]);
        let mint = all(Conditions { supply_mint: Some(key(1)), ..Conditions::default() });
        assert_eq!(drivers(&mint, &[]), [Driver::Few, Driver::All]);
        assert_eq!(drivers(&Filter::default(), &[]), [Driver::All]);
    }

    #[test]
    fn slots_of_creation_lead_unless_a_list_is_short() {
        let slots = SlotRange { first: Slot::default(), last: Slot::MAX };
        let created = Conditions { created: Some(slots), ..Conditions::default() };
        let of_list = all(Conditions { owner: Some(key(1)), ..created.clone() });
        let of_lists = all(Conditions { collections: Some(vec![key(1), key(2)]), ..created.clone() });
        let led = |filter: &Filter, totals: &[Option<i64>]| {
            let leads = leads_of(filter, totals);
            leads.into_iter().map(|lead| (lead.driver, lead.lists)).collect::<Vec<_>>()
        };
        assert_eq!(led(&all(created.clone()), &[]), [(Driver::Few, vec![]), (Driver::All, vec![])]);
        assert_eq!(led(&of_list, &[Some(SHORT)]), [(Driver::List, vec![1])]);
        assert_eq!(led(&of_list, &[Some(SHORT + 1)]), [(Driver::Few, vec![1]), (Driver::List, vec![1])]);
        assert_eq!(led(&of_lists, &[Some(SHORT), Some(SHORT)]), [(Driver::Lists, vec![1, 2])]);
        assert_eq!(leads(&all(created), &Lists::default(), false), [Lead::far(Driver::All)]);
    }

    #[test]
    fn where_one_is_enough_lists_lead_only_together() {
        let conditions = Conditions { owner: Some(key(1)), authority: Some(key(2)), ..Conditions::default() };
        let any = Filter { any: true, ..all(conditions.clone()) };
        let lead = leads_of(&any, &[Some(5), Some(6)]);
        assert_eq!(lead, [Lead { driver: Driver::Lists, lists: vec![1, 2], few: None, total: 11 }]);
        assert_eq!(leads_of(&any, &[None, None]), []);
        let frozen = Conditions { frozen: Some(true), ..conditions.clone() };
        let frozen = Filter { any: true, ..all(frozen) };
        assert_eq!(leads_of(&frozen, &[Some(5), Some(6)]), [Lead::far(Driver::Sift)]);
        let not = Filter { negate: true, ..all(conditions) };
        assert_eq!(leads_of(&not, &[Some(5), None]), [Lead::far(Driver::Sift)]);
        assert_eq!(leads_of(&Filter { negate: true, ..Filter::default() }, &[]), []);
    }

    #[test]
    fn any_of_one_condition_is_led_like_all_of_them() {
        let mint = Conditions { supply_mint: Some(key(1)), ..Conditions::default() };
        let creator =
            Conditions { creator: Some(key(1)), creator_verified: Some(true), ..Conditions::default() };
        let royalty = Conditions { royalty_basis_points: Some(500), ..Conditions::default() };
        for (conditions, totals, drivers) in [
            (Conditions::default(), &[][..], &[Driver::All][..]),
            (mint, &[], &[Driver::Few, Driver::All]),
            (creator, &[Some(5)], &[Driver::List]),
            (royalty, &[], &[Driver::All]),
        ] {
            let of = all(conditions);
            let any = Filter { any: true, ..of.clone() };
            let led: Vec<Driver> = leads_of(&any, totals).iter().map(|lead| lead.driver).collect();
            assert_eq!(led, drivers, "{any:?}");
            assert_eq!(leads_of(&any, totals), leads_of(&of, totals));
            let not = Filter { negate: true, ..any };
            assert_ne!(leads_of(&not, totals), leads_of(&of, totals));
        }
    }

    #[test]
    fn only_who_asks_for_more_than_leads_can_ask_for_something_else() {
        let owner = Conditions { owner: Some(key(1)), ..Conditions::default() };
        let frozen = Conditions { frozen: Some(true), ..owner.clone() };
        let two = Conditions { authority: Some(key(2)), ..owner.clone() };
        let signed =
            Conditions { creator: Some(key(1)), creator_verified: Some(true), ..Conditions::default() };
        let trait_list = Conditions { burnt: Some(true), ..Conditions::default() };
        let holdings = Some(Holdings { zero: false });
        let one_class = vec![TokenClass::CompressedNft];
        let is_narrowed = |filter: &Filter| {
            let totals: Vec<Option<i64>> =
                Lists::new(filter).names().iter().map(|_| Some(SOON + 1)).collect();
            is_narrowed(filter, &leads_of(filter, &totals))
        };
        for (filter, expected) in [
            (all(owner.clone()), false),
            (all(signed), false),
            (all(trait_list), false),
            (Filter { holdings, ..all(owner.clone()) }, false),
            (Filter { holdings, classes: one_class.clone(), ..all(owner.clone()) }, false),
            (Filter { any: true, ..all(two.clone()) }, false),
            (all(two), true),
            (all(frozen.clone()), true),
            (Filter { holdings, ..all(frozen.clone()) }, true),
            (Filter { any: true, ..all(frozen) }, true),
            (Filter { negate: true, ..all(owner.clone()) }, true),
            (Filter { classes: one_class, ..all(owner.clone()) }, true),
            (Filter { not_collections: vec![key(3)], ..all(owner) }, true),
            (Filter::default(), true),
        ] {
            assert_eq!(is_narrowed(&filter), expected, "{filter:?}");
        }
    }

    #[test]
    fn what_leads_far_takes_a_turn() {
        let of = |driver, total| Lead { total, ..Lead::new(driver, &[]) };
        let few = of(Driver::Few, SHORT);
        for (leads, page, counted) in [
            (vec![], None, None),
            (vec![of(Driver::List, SOON)], None, None),
            (vec![of(Driver::List, SOON + 1)], Some(Lane::Brief), Some(Lane::Brief)),
            (vec![of(Driver::Lists, COUNTED_MAX + 1)], Some(Lane::Brief), Some(Lane::Long)),
            (vec![Lead::far(Driver::All)], Some(Lane::Brief), Some(Lane::Long)),
            (vec![Lead::far(Driver::Sift)], Some(Lane::Brief), Some(Lane::Long)),
            (vec![of(Driver::Held, 5)], Some(Lane::Brief), Some(Lane::Brief)),
            (vec![few.clone(), of(Driver::List, SOON)], None, None),
            (vec![few, Lead::far(Driver::All)], Some(Lane::Brief), Some(Lane::Brief)),
        ] {
            assert_eq!((lane(&leads, false), lane(&leads, true)), (page, counted), "{leads:?}");
        }
    }

    #[test]
    fn a_holder_needs_no_list() {
        let owner = Conditions { owner: Some(key(1)), ..Conditions::default() };
        let filter = Filter { holdings: Some(Holdings { zero: false }), ..all(owner) };
        assert_eq!(leads_of(&filter, &[None]), [Lead::new(Driver::Held, &[])]);
        let lead = Lead { lists: vec![1], total: 5, ..Lead::new(Driver::Held, &[]) };
        assert_eq!(leads_of(&filter, &[Some(5)]), [lead]);
    }
}
