//! What the machine itself takes for the work: the same bytes received, and sent on, over one blocking socket, by a program that
//! finds where batches end and looks at nothing else. No engine on the same machine can do with less.

use anyhow::{Context, Result, anyhow, ensure};
use bytes::{Bytes, BytesMut};
use kolk_wire::message::Request;
use kolk_wire::message::fetch::{FetchPartition, FetchRequest, FetchTopic};
use kolk_wire::message::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use kolk_wire::record::{Batch, Batches, HEADER_SIZE};
use kolk_wire::{Spliced, frame};
use rustix::net::{RecvFlags, recv};
use std::io::{Read, Write};
use std::net::TcpStream;

/// Bytes of an answer at most, and of a partition in it: what Kolk asks for.
const FETCH_BYTES: i32 = 8 << 20;
const PARTITION_BYTES: i32 = 1 << 20;
/// Room for an answer, with what stands around the records; and what is not worth the room.
const ROOM_BYTES: usize = 9 << 20;
const SMALL_BYTES: usize = 16 << 10;
/// The last versions that call topics by their names.
const FETCH_VERSION: i16 = 12;
const PRODUCE_VERSION: i16 = 12;

/// Reads a topic to its end, from offset 0 of every partition; appends what it gets to the same partitions of another, if there is
/// one. Returns how many records there were.
pub(crate) fn run(
    bootstrap: &str,
    (topic, partitions): (&str, i32),
    copy_to: Option<&str>,
) -> Result<i64> {
    let mut socket = Socket::open(bootstrap)?;
    let mut places = vec![Place { next: 0, end: i64::MAX }; usize::try_from(partitions)?];
    while places.iter().any(|place| place.next < place.end) {
        let fetched = socket.fetch(topic, &mut places)?;
        if let Some(output) = copy_to {
            socket.produce(output, &fetched)?;
        }
    }
    Ok(places.iter().map(|place| place.next).sum())
}

/// The next offset to be read of a partition, and its end.
#[derive(Debug, Clone, Copy)]
struct Place {
    next: i64,
    end: i64,
}

/// A connection, and the one piece of memory that large answers are received into.
#[derive(Debug)]
struct Socket {
    stream: TcpStream,
    /// With the last of them in it.
    room: Bytes,
}

/// The batches of each partition.
type Fetched = Vec<(i32, Vec<Batch>)>;

impl Socket {
    fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address)
            .with_context(|| format!("cannot connect to {address}, which must be one broker"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, room: BytesMut::zeroed(ROOM_BYTES).freeze() })
    }

    /// What comes next of every partition; moves the places behind it.
    fn fetch(&mut self, topic: &str, places: &mut [Place]) -> Result<Fetched> {
        let partitions = (0..).zip(&*places).map(|(partition, place)| FetchPartition {
            partition,
            fetch_offset: place.next,
            partition_max_bytes: PARTITION_BYTES,
            ..FetchPartition::default()
        });
        let partitions = partitions.collect();
        let request = FetchRequest {
            max_wait_ms: 500,
            min_bytes: 1,
            max_bytes: FETCH_BYTES,
            topics: vec![FetchTopic {
                topic: topic.to_owned(),
                partitions,
                ..FetchTopic::default()
            }],
            ..FetchRequest::default()
        };
        let answer = self.call(&request, FETCH_VERSION)?;
        let mut fetched = Vec::new();
        for partition in answer.responses.iter().flat_map(|topic| topic.partitions.iter()) {
            ensure!(partition.error_code.is_none(), "{topic}: {:?}", partition.error_code);
            let batches = Batches::new(partition.records.unwrap_or_default());
            let batches = batches.collect::<Result<Vec<_>, _>>()?;
            let place = places.get_mut(usize::try_from(partition.partition_index)?);
            let place = place.context("a partition that was not asked for")?;
            place.end = partition.high_watermark;
            if let Some(last) = batches.last() {
                place.next = last.header.base_offset + i64::from(last.header.last_offset_delta) + 1;
            }
            fetched.push((partition.partition_index, batches));
        }
        Ok(fetched)
    }

    /// Appends batches as they are, one of each partition at a time, which is all that a request may hold.
    fn produce(&mut self, topic: &str, fetched: &Fetched) -> Result<()> {
        for round in 0.. {
            let data = fetched.iter().filter_map(|(index, batches)| {
                let batch = batches.get(round)?;
                let head = batch.portable_header().freeze();
                let records = Some(Spliced::new(head, batch.bytes.slice(HEADER_SIZE..)));
                Some(PartitionProduceData { index: *index, records })
            });
            let partition_data: Vec<_> = data.collect();
            if partition_data.is_empty() {
                break;
            }
            let name = topic.to_owned();
            let data = TopicProduceData { name, partition_data, ..TopicProduceData::default() };
            let request = ProduceRequest { topic_data: vec![data], ..ProduceRequest::default() };
            let answer = self.call(&request, PRODUCE_VERSION)?;
            for partition in answer.responses.iter().flat_map(|topic| &topic.partition_responses) {
                ensure!(partition.error_code.is_none(), "{topic}: {:?}", partition.error_code);
            }
        }
        Ok(())
    }

    /// Sends a request, and waits for its answer.
    fn call<R: Request>(&mut self, request: &R, version: i16) -> Result<R::Response> {
        for chunk in frame::encode_request(request, version, 0, Some("floor")) {
            self.stream.write_all(&chunk)?;
        }
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let need = usize::try_from(i32::from_be_bytes(length))?;
        let mut memory =
            if need < SMALL_BYTES { BytesMut::zeroed(need) } else { self.take_room()? };
        ensure!(need <= memory.len(), "no room for {need} bytes");
        let mut taken = 0;
        while taken < need {
            // It sleeps until all is there, or as much as the socket can hold.
            let (_, more) = recv(&self.stream, &mut memory[taken..need], RecvFlags::WAITALL)?;
            ensure!(more > 0, "the broker has hung up");
            taken += more;
        }
        let memory = memory.freeze();
        let answer = memory.slice(..need);
        if need >= SMALL_BYTES {
            self.room = memory;
        }
        Ok(frame::decode_response::<R>(answer, version)?.1)
    }

    /// The room, when nobody holds on to the last answer any more.
    fn take_room(&mut self) -> Result<BytesMut> {
        let room = std::mem::take(&mut self.room).try_into_mut();
        room.map_err(|_| anyhow!("the last answer is still in use"))
    }
}
