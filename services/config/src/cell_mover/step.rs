//! The requests of a move's steps.

use tonic::Request;
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_runtime::auth::internal_request;

/// A team and its move.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) team_id: String,
    pub(super) move_id: String,
}

// === impl Step ===

impl Step {
    pub(super) fn get(self) -> Request<wire::GetTeamMoveRequest> {
        let team_id = self.team_id;
        internal_request(wire::GetTeamMoveRequest { team_id })
    }

    pub(super) fn prepare(self, source: &[String]) -> Request<wire::PrepareArrivalRequest> {
        internal_request(wire::PrepareArrivalRequest {
            team_id: self.team_id,
            move_id: self.move_id,
            source_addresses: source.to_vec(),
        })
    }

    pub(super) fn begin(self) -> Request<wire::BeginDepartureRequest> {
        let Self { team_id, move_id } = self;
        internal_request(wire::BeginDepartureRequest { team_id, move_id })
    }

    pub(super) fn import(self, source: &[String]) -> Request<wire::ImportRowsRequest> {
        internal_request(wire::ImportRowsRequest {
            team_id: self.team_id,
            move_id: self.move_id,
            source_addresses: source.to_vec(),
        })
    }

    pub(super) fn freeze(self) -> Request<wire::FreezeTeamRequest> {
        let Self { team_id, move_id } = self;
        internal_request(wire::FreezeTeamRequest { team_id, move_id })
    }

    pub(super) fn leave(self, target: &[String]) -> Request<wire::LeaveCellRequest> {
        internal_request(wire::LeaveCellRequest {
            team_id: self.team_id,
            move_id: self.move_id,
            target_addresses: target.to_vec(),
        })
    }

    pub(super) fn activate(self) -> Request<wire::ActivateTeamRequest> {
        let Self { team_id, move_id } = self;
        internal_request(wire::ActivateTeamRequest { team_id, move_id })
    }

    pub(super) fn remove(self) -> Request<wire::RemoveRowsRequest> {
        let Self { team_id, move_id } = self;
        internal_request(wire::RemoveRowsRequest { team_id, move_id })
    }

    pub(super) fn cancel(self) -> Request<wire::CancelTeamMoveRequest> {
        let Self { team_id, move_id } = self;
        internal_request(wire::CancelTeamMoveRequest { team_id, move_id })
    }
}
