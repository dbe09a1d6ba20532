//! The proxy's own answers, in place of a target's.

use http::Response;

use super::ProxyBody;
use crate::answer::Problem;
use crate::gate::Unserved;

/// The answer to a request that no target answered; `grpc`, where that was a gRPC call. It says of itself that it is
/// [`Unserved`].
pub fn unserved(problem: Problem, grpc: bool) -> Response<ProxyBody> {
    let blame = if problem.status.is_server_error() { Unserved::NoAnswer } else { Unserved::BadRequest };
    let mut response = problem.response(grpc).map(ProxyBody::full);
    response.extensions_mut().insert(blame);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_who_is_to_blame() {
        let theirs = unserved(Problem::bad_gateway("It broke."), true);
        assert_eq!(theirs.extensions().get(), Some(&Unserved::NoAnswer));
        let blamed = unserved(Problem::bad_request("x"), false);
        assert_eq!(blamed.extensions().get(), Some(&Unserved::BadRequest));
    }
}
