from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("coverage", "0013_awaited_warehouse")]

    operations = [
        migrations.AddField(
            "partition",
            "keys",
            models.PositiveBigIntegerField(
                null=True,
                help_text="Different keys among its rows; empty where no key is declared, or none was counted.",
            ),
        ),
        migrations.AddField(
            "partition",
            "complete_keys",
            models.PositiveBigIntegerField(
                null=True,
                help_text="With how many different keys it was complete; fewer now are a loss.",
            ),
        ),
    ]
