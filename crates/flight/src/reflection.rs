use tonic::service::RoutesBuilder;
use tonic_reflection::server::Builder;

use crate::{Error, Result};

/// Adds the services by which clients ask what a server speaks, in both of the versions that are in use.
///
/// # Errors
/// [`Error::Serve`] when the descriptions cannot be read.
pub(crate) fn add(routes: &mut RoutesBuilder) -> Result<()> {
    let builder = || {
        Builder::configure()
            .register_encoded_file_descriptor_set(godwit_protocol::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let failed = |why: tonic_reflection::server::Error| Error::Serve(Box::new(why));
    routes.add_service(builder().build_v1().map_err(failed)?);
    routes.add_service(builder().build_v1alpha().map_err(failed)?);
    Ok(())
}
