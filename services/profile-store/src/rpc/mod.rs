//! The public contract: one line per method, one file per use-case.

mod ack_feed;
mod apply_app_data;
mod apply_edits;
pub(crate) mod convert;
mod delete_inactive;
mod evaluate_targeting;
mod get_counts;
mod get_profiles;
mod opt_out;
mod plan_inactivity;
mod pull_feed;
mod report_engagement;
mod set_interest;

use chappe_proto::profile::{self as pb, profile_service_server::ProfileService};
use tonic::{Request, Response, Status, async_trait};

use crate::App;

type Answer<T> = Result<Response<T>, Status>;

#[async_trait]
impl ProfileService for App {
    async fn apply_edits(&self, request: Request<pb::ApplyEditsRequest>) -> Answer<pb::ApplyEditsResponse> {
        Ok(Response::new(apply_edits::handle(self, request).await?))
    }

    async fn get_profiles(&self, request: Request<pb::GetProfilesRequest>) -> Answer<pb::GetProfilesResponse> {
        Ok(Response::new(get_profiles::handle(self, &request).await?))
    }

    async fn evaluate_targeting(
        &self,
        request: Request<pb::EvaluateTargetingRequest>,
    ) -> Answer<pb::EvaluateTargetingResponse> {
        Ok(Response::new(evaluate_targeting::handle(self, &request).await?))
    }

    async fn set_interest(&self, request: Request<pb::SetInterestRequest>) -> Answer<pb::SetInterestResponse> {
        Ok(Response::new(set_interest::handle(self, &request).await?))
    }

    async fn pull_feed(&self, request: Request<pb::PullFeedRequest>) -> Answer<pb::PullFeedResponse> {
        Ok(Response::new(pull_feed::handle(self, &request).await?))
    }

    async fn ack_feed(&self, request: Request<pb::AckFeedRequest>) -> Answer<pb::AckFeedResponse> {
        Ok(Response::new(ack_feed::handle(self, &request).await?))
    }

    async fn report_engagement(
        &self,
        request: Request<pb::ReportEngagementRequest>,
    ) -> Answer<pb::ReportEngagementResponse> {
        Ok(Response::new(report_engagement::handle(self, request).await?))
    }

    async fn opt_out(&self, request: Request<pb::OptOutRequest>) -> Answer<pb::OptOutResponse> {
        Ok(Response::new(opt_out::handle(self, request).await?))
    }

    async fn apply_app_data(&self, request: Request<pb::ApplyAppDataRequest>) -> Answer<pb::ApplyAppDataResponse> {
        Ok(Response::new(apply_app_data::handle(self, request).await?))
    }

    async fn plan_inactivity(&self, request: Request<pb::PlanInactivityRequest>) -> Answer<pb::PlanInactivityResponse> {
        Ok(Response::new(plan_inactivity::handle(self, &request).await?))
    }

    async fn delete_inactive(&self, request: Request<pb::DeleteInactiveRequest>) -> Answer<pb::DeleteInactiveResponse> {
        Ok(Response::new(delete_inactive::handle(self, &request).await?))
    }

    async fn get_counts(&self, request: Request<pb::GetCountsRequest>) -> Answer<pb::GetCountsResponse> {
        Ok(Response::new(get_counts::handle(self, &request).await?))
    }
}
