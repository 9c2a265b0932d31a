use crate::ProfileId;

/// Lanes that profiles are spread over. Order holds within a lane; replicas share out lanes.
pub const LANES: u8 = 64;

/// The lane of a profile: the low bits of its id, which are random in a version 7 UUID.
pub fn lane_of(profile: ProfileId) -> u8 {
    profile.as_uuid().as_bytes()[15] % LANES
}
