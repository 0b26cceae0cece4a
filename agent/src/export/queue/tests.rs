use bytes::Bytes;

use super::*;
use crate::health::Health;

fn batch(bytes: usize, spans: usize) -> Batch {
    Batch {
        body: Bytes::from(vec![0; bytes]),
        spans,
    }
}

fn queue(limit: usize) -> Queue {
    Queue::new(limit, Health::new().exporter("test"))
}

#[track_caller]
fn check(queue: &Queue, bytes: u64, spans: u64, dropped: u64) {
    let health = queue.health();
    assert_eq!(
        (
            health.queue_bytes(),
            health.queue_spans(),
            health.all_dropped()
        ),
        (bytes, spans, dropped)
    );
}

#[tokio::test]
async fn the_oldest_go_first_and_taken_bytes_count() {
    let queue = queue(100);
    queue.push(batch(40, 1));
    queue.push(batch(40, 2));
    check(&queue, 80, 3, 0);
    queue.push(batch(40, 4));
    check(&queue, 80, 6, 1);
    let taken = queue.take().await.unwrap();
    assert_eq!(taken.spans, 2);
    check(&queue, 80, 6, 1);
    queue.push(batch(50, 8));
    check(&queue, 90, 10, 5);
    queue.finish(&taken);
    check(&queue, 50, 8, 5);
}

#[tokio::test]
async fn what_is_put_back_is_the_oldest() {
    let queue = queue(100);
    queue.push(batch(40, 1));
    queue.push(batch(40, 2));
    let first = queue.take().await.unwrap();
    queue.put_back(first);
    assert_eq!(queue.take().await.unwrap().spans, 1);
    queue.push(batch(70, 4));
    check(&queue, 110, 5, 2);
    queue.put_back(batch(40, 1));
    check(&queue, 70, 4, 3);
}

#[tokio::test]
async fn a_batch_larger_than_the_queue_passes_alone() {
    let queue = queue(10);
    queue.push(batch(20, 1));
    check(&queue, 20, 1, 0);
    queue.push(batch(20, 2));
    check(&queue, 20, 2, 1);
    let taken = queue.take().await.unwrap();
    queue.push(batch(20, 4));
    check(&queue, 20, 2, 5);
    queue.finish(&taken);
    check(&queue, 0, 0, 5);
}

#[tokio::test]
async fn closing_ends_takers_and_abandoning_counts_the_rest() {
    let queue = queue(100);
    queue.push(batch(10, 1));
    queue.push(batch(10, 2));
    queue.close();
    let taken = queue.take().await.unwrap();
    assert_eq!(queue.abandon(Reason::Shutdown), 3);
    queue.finish(&taken);
    assert_eq!(queue.abandon(Reason::Shutdown), 0);
    check(&queue, 0, 0, 3);
    assert!(queue.take().await.is_none());
    queue.push(batch(10, 4));
    check(&queue, 0, 0, 7);
}
