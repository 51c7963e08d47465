from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("coverage", "0014_different_keys")]

    operations = [
        migrations.AddField(
            "tablereading",
            "rules",
            models.CharField(
                blank=True,
                default="",
                help_text="A digest of the rules in the pipeline file that it was judged by.",
                max_length=64,
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            "tablereading",
            "dated_by",
            models.TextField(
                blank=True,
                default="",
                help_text="The column and the time zone that gave its rows their dates.",
            ),
            preserve_default=False,
        ),
    ]
