//! Photos too large for a device, made smaller.
//!
//! Making one costs milliseconds, and the same photo goes to every device of everybody who has the card, again at every
//! first synchronisation; so the last ones made are kept.

use std::io::Cursor;
use std::sync::{Arc, LazyLock};

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageFormat, ImageReader, Limits};
use moka::sync::Cache;
use sha2::{Digest as _, Sha256};

/// Pixels along an edge of a photo that is decoded.
const EDGE_MAX: u32 = 12_000;
/// Bytes of memory for decoding.
const MEMORY_MAX: u64 = 192 << 20;
/// Pixels along an edge of a photo scaled down, and its JPEG qualities; the first pair that fits is sent.
const STEPS: [(u32, u8); 6] = [(480, 85), (480, 70), (360, 70), (240, 70), (160, 60), (96, 50)];
/// Bytes of photos that are kept.
const KEPT_MAX: u64 = 16 << 20;
/// What a kept photo weighs beside its bytes.
const ENTRY: usize = 256;

/// What became of a photo: its smaller form, or `None` for one that has none.
type Outcome = Option<Arc<[u8]>>;

static KEPT: LazyLock<Cache<[u8; 32], Outcome>> = LazyLock::new(|| kept(KEPT_MAX));

fn kept(most: u64) -> Cache<[u8; 32], Outcome> {
    let weight = |photo: &Outcome| photo.as_ref().map_or(0, |photo| photo.len()).saturating_add(ENTRY);
    Cache::builder()
        .max_capacity(most)
        .weigher(move |_: &[u8; 32], photo: &Outcome| u32::try_from(weight(photo)).unwrap_or(u32::MAX))
        .build()
}

/// A JPEG of at most `most` bytes that shows the same; `None` for what is no picture, or none that may be decoded.
pub(super) fn scaled(bytes: &[u8], most: usize) -> Option<Vec<u8>> {
    let key = Sha256::new().chain_update(most.to_le_bytes()).chain_update(bytes).finalize().into();
    KEPT.get_with(key, || made(bytes, most).map(Arc::from)).map(|photo| photo.to_vec())
}

fn made(bytes: &[u8], most: usize) -> Option<Vec<u8>> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().ok()?;
    let is_jpeg = reader.format() == Some(ImageFormat::Jpeg);
    let mut limits = Limits::default();
    limits.max_image_width = Some(EDGE_MAX);
    limits.max_image_height = Some(EDGE_MAX);
    limits.max_alloc = Some(MEMORY_MAX);
    reader.limits(limits);
    let image = reader.decode().ok()?;
    let edge = STEPS[0].0;
    let is_small = image.width() <= edge && image.height() <= edge;
    let small = if is_small { image } else { image.thumbnail(edge, edge) };
    let opaque = DynamicImage::ImageRgb8(small.to_rgb8());
    // A JPEG of that size already is too large as it is, and hardly smaller in the best quality.
    let steps = &STEPS[usize::from(is_small && is_jpeg)..];
    steps.iter().find_map(|(edge, quality)| {
        let fits = opaque.width() <= *edge && opaque.height() <= *edge;
        let step = if fits { opaque.clone() } else { opaque.resize(*edge, *edge, FilterType::Triangle) };
        let mut jpeg = Vec::new();
        step.write_with_encoder(JpegEncoder::new_with_quality(&mut jpeg, *quality)).ok()?;
        (jpeg.len() <= most).then_some(jpeg)
    })
}

#[cfg(test)]
mod tests {
    use image::RgbImage;

    use super::*;

    fn noise(edge: u32) -> Vec<u8> {
        let mut state = 7_u32;
        let picture = RgbImage::from_fn(edge, edge, |_, _| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            image::Rgb([(state >> 24) as u8, (state >> 16) as u8, (state >> 8) as u8])
        });
        let mut bytes = Vec::new();
        let encoder = JpegEncoder::new_with_quality(&mut bytes, 80);
        DynamicImage::ImageRgb8(picture).write_with_encoder(encoder).unwrap();
        bytes
    }

    #[test]
    fn a_photo_made_once_is_the_same_the_next_time_and_another_limit_makes_another() {
        let photo = noise(200);
        for most in [photo.len() - 1, photo.len() / 2] {
            let first = scaled(&photo, most).unwrap();
            assert!(first.len() <= most && first.starts_with(&[0xFF, 0xD8, 0xFF]));
            assert_eq!(scaled(&photo, most).unwrap(), first);
            assert_eq!(made(&photo, most).unwrap(), first);
        }
        assert_eq!(scaled(b"no picture", 1000), None);
        assert_eq!(scaled(b"no picture", 1000), None);
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let cache = kept(100 << 10);
        for number in 0..200_u8 {
            cache.insert([number; 32], Some(vec![number; 4 << 10].into()));
            cache.run_pending_tasks();
            assert!(cache.weighted_size() <= 100 << 10, "{}", cache.weighted_size());
        }
        assert!(cache.entry_count() > 10, "{}", cache.entry_count());
    }
}
