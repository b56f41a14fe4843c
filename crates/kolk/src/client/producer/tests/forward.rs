//! Batches that are forwarded, alone and among records.

use super::*;
use kolk_wire::record::{BatchHeader, HEADER_SIZE, set_base_offset, stamp_producer};

impl World {
    /// Forwards a batch that some topic held: the producer may decline, and then gets the records one by one.
    pub(super) fn forward(&mut self, partition: i32, codec: Codec, values: &[&str]) -> bool {
        let to = self.handles[usize::try_from(partition).unwrap()];
        let forwarded = self.producer.forward(to, &fetched(codec, values));
        for value in values {
            if forwarded {
                self.appended.entry(partition).or_default().push((*value).to_owned());
            } else {
                self.append(partition, value);
            }
        }
        forwarded
    }
}

/// A batch as it is fetched: some transaction's, somewhere in a log.
fn fetched(codec: Codec, values: &[&str]) -> Batch {
    let mut builder = BatchBuilder::new(codec);
    for value in values {
        builder.push(5, Some(b"k"), Some(value.as_bytes()), &[Header::new("h", b"1")]).unwrap();
    }
    let mut bytes = builder.finish();
    stamp_producer(&mut bytes, 99, 3, 1_000, Transactional::Yes);
    set_base_offset(&mut bytes, 500, 8);
    Batch::parse(&bytes.freeze()).unwrap().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn idempotent_with_forwarded_batches_among_the_records(
        script in proptest::collection::vec(any::<u8>(), 1..150),
        batch in prop_oneof![Just("1"), Just("100")],
        batch_bytes_max in prop_oneof![Just(100), Just(1 << 20)],
    ) {
        let mut world = World::new(&[("batch.size", batch)], 3);
        world.broker.batch_bytes_max = batch_bytes_max;
        trouble(&mut world, &script, true);
        world.check_exactly_once();
    }
}

#[test]
fn a_forwarded_batch_keeps_its_place_between_records() {
    for codec in [Codec::None, Codec::Lz4] {
        let settings = [("batch.size", "100"), ("compression.type", codec.name())];
        let mut world = World::new(&settings, 1);
        world.append(0, "a");
        world.producer.set_tag(5);
        assert!(world.forward(0, codec, &["b", "c"]));
        world.producer.set_tag(6);
        world.append(0, "d");
        world.heal();
        world.check_exactly_once();
        let acks = &world.acknowledged[&world.handles[0]];
        let seen: Vec<(u64, u32)> = acks.iter().map(|ack| (ack.tag, ack.count)).collect();
        assert_eq!(seen, [(0, 1), (5, 2), (6, 1)]);
    }
}

#[test]
fn a_forwarded_batch_has_the_same_records_and_all_else_is_the_producers() {
    let mut world = World::new(&[("batch.size", "100")], 1);
    let batch = fetched(Codec::None, &["b", "c"]);
    assert!(world.producer.forward(world.handles[0], &batch));
    world.producer.flush();
    world.step();
    world.identify();
    world.step();
    let sent: ProduceRequest = world.network.requests[0].read();
    let bytes = sent.topic_data[0].partition_data[0].records.clone().unwrap().into_bytes();
    let sent = Batch::parse(&bytes).unwrap().unwrap();
    sent.verify_crc().unwrap();
    let wanted = BatchHeader {
        base_offset: 0,
        partition_leader_epoch: -1,
        attributes: 0,
        producer_id: 7,
        producer_epoch: 0,
        base_sequence: 0,
        crc: sent.header.crc,
        ..batch.header
    };
    assert_eq!(sent.header, wanted);
    assert_eq!(bytes[HEADER_SIZE..], batch.bytes[HEADER_SIZE..]);
}

#[test]
fn batches_that_must_be_written_anew_are_not_forwarded() {
    let mut world = World::new(&[("max.request.size", "1000"), ("batch.size", "800")], 1);
    let to = world.handles[0];
    let mut rng = fastrand::Rng::with_seed(1);
    let value: String = std::iter::repeat_with(|| rng.alphanumeric()).take(300).collect();
    let fits = fetched(Codec::None, &[&value]);
    let change = |change: &dyn Fn(&mut BatchHeader)| {
        let mut batch = fits.clone();
        change(&mut batch.header);
        batch
    };
    let refused = [
        ("another codec", fetched(Codec::Lz4, &[&value])),
        ("too small to go alone", fetched(Codec::None, &["v"])),
        ("too large", fetched(Codec::None, &[&value.repeat(4)])),
        ("the broker's time-stamps", change(&|header| header.attributes |= 1 << 3)),
        ("a marker", change(&|header| header.attributes |= 1 << 5)),
        ("a delete horizon", change(&|header| header.attributes |= 1 << 6)),
        ("records are missing", change(&|header| header.last_offset_delta += 1)),
        ("no records", change(&|header| header.records_count = 0)),
    ];
    for (why, batch) in refused {
        assert!(!world.producer.forward(to, &batch), "{why}");
    }
    assert!(world.producer.forward(to, &fits));
}
