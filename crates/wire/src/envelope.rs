//! The envelope of every frame, and the codec inside it. Knows nothing of sockets or the bus.
//!
//! ```text
//! magic u16 | schema id u16 | schema version u16 | flags u8 | len u32 | payload | crc32c u32
//! ```
//!
//! All numbers are little-endian; the checksum covers everything before it. The payload is
//! bincode 2 with its options spelled out in [`codec`]: they are part of the format.
//!
//! Invariants: bytes are either exactly one known struct or refused with the reason; decoding
//! allocates at most in proportion to the bytes given; frames are never stored.

use bincode::config::{Configuration, Fixint, LittleEndian, Varint};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The first two bytes of every frame.
pub const MAGIC: u16 = 0xCB01;
/// The length of everything before the payload.
pub const HEADER_BYTES: usize = 11;
/// The length of everything after the payload.
pub const TRAILER_BYTES: usize = 4;
/// The largest payload that is written or accepted: what a NATS server takes by default.
pub const PAYLOAD_BYTES_MAX: usize = 1024 * 1024;

/// A struct that travels in frames. Its shape is frozen once released: a change is a new struct
/// with a higher `VERSION`, and `upcast` then reads the older ones.
pub trait Schema: Serialize + DeserializeOwned {
    /// What the struct is; never reused.
    const ID: u16;
    /// The version that is written.
    const VERSION: u16;

    /// Reads a payload of an older version.
    ///
    /// # Errors
    /// [`Error::UnknownVersion`] where no reader for it exists, or the error of reading it.
    fn upcast(version: u16, payload: &[u8]) -> Result<Self, Error> {
        let _ = payload;
        Err(Error::UnknownVersion { schema: Self::ID, version, known: Self::VERSION })
    }
}

/// Why bytes are not the frame that was expected, or a struct cannot become one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes end before the frame does. On a stream: read more.
    #[error("read a whole frame: {have} of {need} bytes")]
    Truncated {
        /// The bytes there are.
        have: usize,
        /// The bytes that are needed at least.
        need: usize,
    },
    /// The bytes are not a frame of ours.
    #[error("find the magic number: found {found:#06x}")]
    WrongMagic {
        /// What is there instead.
        found: u16,
    },
    /// A flag is set that this version does not know.
    #[error("understand the flags {flags:#04x}")]
    UnknownFlags {
        /// All flags of the frame.
        flags: u8,
    },
    /// The frame carries another struct.
    #[error("find schema {expected:#06x}: found {found:#06x}")]
    UnknownSchema {
        /// The schema that was asked for.
        expected: u16,
        /// The schema of the frame.
        found: u16,
    },
    /// The frame's version has no reader here.
    #[error("read version {version} of schema {schema:#06x}: version {known} is known")]
    UnknownVersion {
        /// The schema of the frame.
        schema: u16,
        /// The version of the frame.
        version: u16,
        /// The version that is written here.
        known: u16,
    },
    /// The payload is longer than [`PAYLOAD_BYTES_MAX`].
    #[error("fit {length} bytes into a frame of at most {limit}")]
    TooLarge {
        /// The payload's length.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// The bytes were damaged on the way.
    #[error("match the checksum: computed {computed:#010x}, found {found:#010x}")]
    WrongChecksum {
        /// The checksum of the bytes.
        computed: u32,
        /// The checksum in the frame.
        found: u32,
    },
    /// The payload is not the struct.
    #[error("decode the payload of schema {schema:#06x}: {reason}")]
    Malformed {
        /// The schema of the frame.
        schema: u16,
        /// What the codec found.
        reason: String,
    },
    /// Bytes are left over after the struct or the frame.
    #[error("use up the bytes of schema {schema:#06x}: {left} are left over")]
    LeftOver {
        /// The schema of the frame.
        schema: u16,
        /// How many.
        left: usize,
    },
    /// The struct cannot be encoded.
    #[error("encode schema {schema:#06x}: {reason}")]
    Unencodable {
        /// The schema of the struct.
        schema: u16,
        /// What the codec found.
        reason: String,
    },
}

type Codec = Configuration<LittleEndian, Varint, bincode::config::Limit<PAYLOAD_BYTES_MAX>>;

/// The payload codec: every option is named, so that no default of the library is our format.
const fn codec() -> Codec {
    let unspecified: Configuration<LittleEndian, Fixint> = bincode::config::legacy();
    unspecified.with_little_endian().with_variable_int_encoding().with_limit()
}

/// The frame of `value`.
///
/// # Errors
/// [`Error::TooLarge`] or [`Error::Unencodable`].
pub fn encode<T: Schema>(value: &T) -> Result<Vec<u8>, Error> {
    let payload = bincode::serde::encode_to_vec(value, codec())
        .map_err(|error| Error::Unencodable { schema: T::ID, reason: error.to_string() })?;
    let limit = PAYLOAD_BYTES_MAX;
    let length = u32::try_from(payload.len())
        .ok()
        .filter(|_| payload.len() <= limit)
        .ok_or(Error::TooLarge { length: payload.len(), limit })?;
    let mut frame = Vec::with_capacity(HEADER_BYTES + payload.len() + TRAILER_BYTES);
    frame.extend_from_slice(&MAGIC.to_le_bytes());
    frame.extend_from_slice(&T::ID.to_le_bytes());
    frame.extend_from_slice(&T::VERSION.to_le_bytes());
    frame.push(0);
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(&payload);
    let checksum = crc32c::crc32c(&frame);
    frame.extend_from_slice(&checksum.to_le_bytes());
    Ok(frame)
}

/// The struct in `bytes`, which must be exactly one frame.
///
/// # Errors
/// The reason why they are not; see [`Error`].
pub fn decode<T: Schema>(bytes: &[u8]) -> Result<T, Error> {
    let header = Header::read(bytes)?;
    let frame_length = header.frame_length();
    let frame = bytes
        .get(..frame_length)
        .ok_or(Error::Truncated { have: bytes.len(), need: frame_length })?;
    let left = bytes.len() - frame_length;
    if left > 0 {
        return Err(Error::LeftOver { schema: header.schema, left });
    }
    let (covered, trailer) = frame.split_at(frame_length - TRAILER_BYTES);
    let found = u32::from_le_bytes(array(trailer));
    let computed = crc32c::crc32c(covered);
    if computed != found {
        return Err(Error::WrongChecksum { computed, found });
    }
    if header.schema != T::ID {
        return Err(Error::UnknownSchema { expected: T::ID, found: header.schema });
    }
    let payload = &covered[HEADER_BYTES..];
    if header.version == T::VERSION {
        return decode_payload::<T>(T::ID, payload);
    }
    if header.version < T::VERSION {
        return T::upcast(header.version, payload);
    }
    Err(Error::UnknownVersion { schema: T::ID, version: header.version, known: T::VERSION })
}

/// The struct in a payload, for [`Schema::upcast`] of older structs.
///
/// # Errors
/// [`Error::Malformed`] or [`Error::LeftOver`].
pub fn decode_payload<T: DeserializeOwned>(schema: u16, payload: &[u8]) -> Result<T, Error> {
    let (value, consumed) = bincode::serde::decode_from_slice(payload, codec())
        .map_err(|error| Error::Malformed { schema, reason: error.to_string() })?;
    match payload.len() - consumed {
        0 => Ok(value),
        left => Err(Error::LeftOver { schema, left }),
    }
}

/// Cuts a byte stream into frames. Sans-IO: feed it what was read, take what is complete.
///
/// After an error the stream has no known frame boundary any more and must be closed. It holds at
/// most one incomplete frame and what was fed since the last `take`.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
}

impl Decoder {
    /// Adds bytes in the order in which they were read.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame's struct, or `None` until more is fed.
    ///
    /// # Errors
    /// The reason why the stream is not made of frames of `T`.
    pub fn take<T: Schema>(&mut self) -> Result<Option<T>, Error> {
        let frame_length = match Header::read(&self.buffer) {
            Ok(header) => header.frame_length(),
            Err(Error::Truncated { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(frame) = self.buffer.get(..frame_length) else { return Ok(None) };
        let value = decode(frame)?;
        self.buffer.drain(..frame_length);
        Ok(Some(value))
    }

    /// Whether the stream may end here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }
}

struct Header {
    schema: u16,
    version: u16,
    payload_length: usize,
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Self, Error> {
        let truncated = Error::Truncated { have: bytes.len(), need: HEADER_BYTES };
        let header = bytes.get(..HEADER_BYTES).ok_or(truncated)?;
        let magic = u16::from_le_bytes(array(&header[0..2]));
        if magic != MAGIC {
            return Err(Error::WrongMagic { found: magic });
        }
        let flags = header[6];
        if flags != 0 {
            return Err(Error::UnknownFlags { flags });
        }
        let length = u32::from_le_bytes(array(&header[7..11]));
        let payload_length = usize::try_from(length).unwrap_or(usize::MAX);
        if payload_length > PAYLOAD_BYTES_MAX {
            return Err(Error::TooLarge { length: payload_length, limit: PAYLOAD_BYTES_MAX });
        }
        let schema = u16::from_le_bytes(array(&header[2..4]));
        let version = u16::from_le_bytes(array(&header[4..6]));
        Ok(Self { schema, version, payload_length })
    }

    fn frame_length(&self) -> usize {
        HEADER_BYTES + self.payload_length + TRAILER_BYTES
    }
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("the slice was cut to this length")
}
